"""How kernels are compiled: once, for the types named, without the GIL, kept on disk."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy.typing as npt
from numba import types

F = TypeVar("F", bound=Callable[..., Any])
Buffer = npt.NDArray[Any]
Number = Any  # a machine integer, float or truth value; numba infers which

BYTES = types.Array(types.uint8, 1, "C", readonly=True)
OFFSETS = types.Array(types.int64, 1, "C", readonly=True)
FLAGS = types.Array(types.uint32, 1, "C", readonly=True)
HASHES = types.Array(types.uint64, 1, "C", readonly=True)
SIZES = types.Array(types.int32, 1, "C", readonly=True)
SPANS = types.Array(types.int32, 2, "C", readonly=True)
MODES = types.Array(types.uint8, 1, "C", readonly=True)
OUT_BYTES = types.uint8[::1]
OUT_OFFSETS = types.int64[::1]
OUT_SPANS = types.int32[:, ::1]
OUT_COUNTS = types.int64[:, ::1]


@functools.cache
def sources_digest() -> str:
    """Changes whenever the source of any kernel or helper does.

    numba's cache looks at the file of the kernel alone: a helper changed in another file would go unnoticed, and the
    old machine code would be used again.
    """
    here = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for path in (*sorted(here.glob("*.py")), *(here.parent / name for name in ("characters.py", "word_lists.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def kernel(*arguments: Any, returns: Any = types.void) -> Callable[[F], F]:
    """Compile for exactly these argument types (from the cache where there is one), so that no call compiles again."""

    def wrap(function: F) -> F:
        function.__qualname__ += "_" + sources_digest()  # names the file in the cache
        return compiled(function, returns(*arguments), nogil=True)

    return wrap


def compiled(function: F, *signature: Any, **options: Any) -> F:
    """The function as machine code kept on disk, or made anew where nothing can be kept (a read-only host without a home)."""
    try:
        return cast(F, numba.njit(*signature, cache=True, **options)(function))
    except RuntimeError:  # numba's: no place for its cache
        return cast(F, numba.njit(*signature, **options)(function))


def helper(function: F) -> F:
    """A function that kernels call."""
    return cast(F, numba.njit(nogil=True)(function))


def inlined(function: F) -> F:
    """A few lines that kernels call for every character: put into them, as LLVM does not do by itself."""
    return cast(F, numba.njit(nogil=True, inline="always")(function))
