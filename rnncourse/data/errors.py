"""What goes wrong with data, said in one sentence."""


class DataError(ValueError):
    """A data set is missing, damaged or not what it says it is."""
