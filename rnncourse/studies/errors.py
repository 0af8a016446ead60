"""What goes wrong with a study, said in one sentence."""


class StudyError(RuntimeError):
    """A study cannot be run, a run cannot be stored, or a record cannot be read."""


class StudyMisuse(StudyError, ValueError):
    """A study was asked for something that it cannot do: an unknown name, engine, scale or number of seeds."""
