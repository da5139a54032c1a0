"""Kernels are compiled once per installation: workers that load the same stage for the first time wait for one of them.

Without this every worker of the first run compiles every kernel for itself, 12 to 19 s of CPU each. numba keeps and
checks the machine code; here lies only the word that it was made. Where no lock or no place for it is to be had, every
worker compiles, as it would anyway.
"""

import fcntl
import functools
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from filters.kept import folder

_ROOMS = ("filters", "dedup", "stages")
_PATIENCE_SECONDS = 200.0  # ten times what the slowest stage compiles in
_LOOK_SECONDS = 0.1


@contextmanager
def one_at_a_time(stage: str) -> Iterator[None]:
    """The body loads and warms `stage`. The first process to come runs it alone; once it succeeded, nobody waits any more."""
    place = folder() / "compiled"
    done = place / f"{stage}-{_sources()}"
    if done.exists():
        yield
        return
    with _locked(done.with_name(f"{done.name}.lock")):
        yield
        with suppress(OSError):
            done.touch()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Wait for the lock; go on without it where there is none to be had."""
    handle: IO[bytes] | None = None
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("ab")
        _wait_for(handle)
    try:
        yield
    finally:
        if handle is not None:
            handle.close()


def _wait_for(handle: IO[bytes]) -> None:
    """Returns with the lock, or without it once patience has ended."""
    until = monotonic() + _PATIENCE_SECONDS
    while monotonic() < until:
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        sleep(_LOOK_SECONDS)


@functools.cache
def _sources() -> str:
    """Changes with this installation's place, the code of the rooms that hold kernels, numba and the interpreter."""
    here = Path(__file__).resolve().parent.parent
    digest = hashlib.blake2b(f"{here}\0{version('numba')}\0{sys.version}".encode(), digest_size=8)
    for path in sorted(path for room in _ROOMS for path in (here / room).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
