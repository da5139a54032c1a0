"""How the kernels of this room are compiled: without the GIL, kept on disk, anew whenever any source of the room changes."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy.typing as npt

from filters.kernels.jit import compiled

F = TypeVar("F", bound=Callable[..., Any])
Array = npt.NDArray[Any]
Number = Any  # a machine integer, float or truth value; numba infers which


@functools.cache
def _sources_digest() -> str:
    """numba's cache looks at the file of the kernel alone; a helper changed in another file would go unnoticed."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


_OPTIONS = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "_nrt": False,  # nothing is allocated: code that counts references need not be compiled
}


def kernel(function: F) -> F:
    """A function called from Python: must not raise, nor allocate, nor touch a Python object."""
    function.__qualname__ += "_" + _sources_digest()  # names the file in the cache
    return compiled(function, **_OPTIONS)


def helper(function: F) -> F:
    """A function that only kernels call: without the wrappers that Python would need, half of the compile time.

    Its integers are of 64 bits whoever calls: one build, where numba makes one for each width and each constant.
    """
    if numba.config.DISABLE_JIT:
        return function
    build = numba.njit(no_cpython_wrapper=True, **_OPTIONS)(function)
    template = build.get_call_template
    build.get_call_template = lambda args, kws: template(
        [_wide(a) for a in args], {k: _wide(a) for k, a in kws.items()}
    )
    return cast(F, build)


def _wide(kind: Any) -> Any:
    plain = numba.types.unliteral(kind)
    return numba.types.int64 if isinstance(plain, numba.types.Integer) else plain
