"""How the loops of this package are compiled: without the GIL, kept on disk. Importing this costs numba's 0.6 s."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy.typing as npt

from filters.kernels.jit import compiled

F = TypeVar("F", bound=Callable[..., Any])
Buffer = npt.NDArray[Any]
Number = Any  # a scalar of a kernel: whatever width numba finds for it


@functools.cache
def sources_digest() -> str:
    """Changes whenever a source of this package does: numba's cache looks at the file of the kernel, not of its helpers."""
    here = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(here.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# Nothing is allocated: code that counts references takes more than half of the time of these loops.
_OPTIONS = {"nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: F) -> F:
    """A loop that Python calls; compiled on its first call, or taken from the cache. It must not allocate arrays."""
    function.__qualname__ += "_" + sources_digest()  # names the file in the cache
    return compiled(function, **_OPTIONS)


def helper(function: F) -> F:
    """A function that kernels call; compiled into them."""
    return cast(F, numba.njit(**_OPTIONS)(function))


def inlined(function: F) -> F:
    """A helper taken into its callers: for loops over tables, whose dozens of arrays are dear to pass."""
    return cast(F, numba.njit(inline="always", **_OPTIONS)(function))
