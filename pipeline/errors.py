"""Errors a user can mend: what, where, how, in one to three lines; each kind has its exit code."""

import errno

_STORAGE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE}


def is_storage(error: BaseException) -> bool:
    """Whether the machine's storage refused: no fault of the document or stage at work."""
    return isinstance(error, OSError) and error.errno in _STORAGE


class WinnowError(Exception):
    """A run can't go on. `str(error)` is the whole message; `exit_code` is what the command ends with."""

    exit_code = 1


class UsageError(WinnowError):
    """The command or its surroundings are wrong."""

    exit_code = 2


class RecipeError(UsageError):
    """The recipe is wrong. The message starts with `file:line:column:` where that is known."""


class ExpectationFailed(WinnowError):
    """The run is done, but an `expect:` gate failed."""

    exit_code = 3


class Incomplete(WinnowError):
    """Some units could not be done; running again resumes."""

    exit_code = 4


class Damaged(WinnowError):
    """Verification found files that are not what they were committed as."""

    exit_code = 5


class StorageError(WinnowError):
    """A disk is full, or a storage can't be reached."""

    exit_code = 74


class Locked(WinnowError):
    """Another run holds the output."""

    exit_code = 75
