"""What tells wrong questions from failures: the command line ends with 2 after the one, with 1 after the other."""


class Misuse(ValueError):
    """What was asked for does not exist or makes no sense; the message says what does."""
