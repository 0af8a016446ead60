"""The complaint of every command that was asked for the impossible."""


class Misuse(Exception):
    """A command was asked for something that it cannot do; the message is one sentence."""
