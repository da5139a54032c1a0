"""Where what is dear to make is kept between processes."""

import os
from contextlib import suppress
from pathlib import Path


def folder() -> Path:
    """Beside numba's own cache where that was moved, else in the user's cache. It need not exist, nor be writable."""
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    with suppress(RuntimeError):
        return Path(base or Path.home() / ".cache") / "winnow"
    return Path(os.devnull)  # a user without a home: nothing can be kept below this
