"""The one exception that a person is meant to read."""


class CotejoError(Exception):
    """A mistake or a missing thing that its reader can mend.

    Its text is the whole message: what is wrong, where (file, key, value), and the remedy. Commands print it without a
    traceback; anything else that escapes a command is a bug and keeps its traceback.
    """
