"""Kernels are compiled once per installation: workers that load the same stage for the first time wait for one of them.

Without this every worker of the first run compiles every kernel for itself, 12 to 19 s of CPU each. numba keeps and
checks the machine code; here lies only the word that it was made. Where no lock or no place for it is to be had, every
worker compiles, as it would anyway.
"""

import fcntl
import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import IO

_ROOMS = ("filters", "dedup", "stages")


@contextmanager
def one_at_a_time(stage: str) -> Iterator[None]:
    """The body loads and warms `stage`. The first process to come runs it alone; once it succeeded, nobody waits any more."""
    place = _place()
    done = place / f"{stage}-{_sources()}"
    if done.exists():
        yield
        return
    with _locked(place / f"{stage}.lock"):
        yield
        with suppress(OSError):
            done.touch()


def _place() -> Path:
    """Beside numba's own cache where that was moved, else in the user's cache."""
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "winnow" / "compiled"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for the lock; go on without it where there is none to be had."""
    handle: IO[bytes] | None = None
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab")
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            handle.close()


@functools.cache
def _sources() -> str:
    """Changes with this installation's place, the code of the rooms that hold kernels, numba and the interpreter."""
    here = Path(__file__).resolve().parent.parent
    digest = hashlib.blake2b(f"{here}\0{version('numba')}\0{sys.version}".encode(), digest_size=8)
    for path in sorted(path for room in _ROOMS for path in (here / room).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
