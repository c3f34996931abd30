"""Finds what went wrong at the bottom of nested exception groups, to be told in a line. Pure."""


def first_cause(error: BaseException) -> BaseException:
    """The first exception that is not itself a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def describe(error: BaseException) -> str:
    """The first cause in words, or its type when it has none."""
    cause = first_cause(error)
    return str(cause) or type(cause).__name__
