"""Where compiled code is kept, and where it cannot be."""

import numpy as np
from numba import types

from filters.boilerplate.jit import kernel as loop
from filters.kernels.jit import kernel


def test_without_a_place_to_keep_code_it_compiles_anew():
    """A read-only host without a home must lose seconds, not the run. Code from no file cannot be cached either."""
    space = {}
    exec("def add(values, out):\n    out[0] = values[0] + values[1]", space)
    values, out = np.array([2.0, 3.0]), np.zeros(1)
    kernel(types.float64[::1], types.float64[::1])(space["add"])(values, out)
    assert out[0] == 5
    exec("def double(values, out):\n    out[0] = 2 * values[0]", space)
    loop(space["double"])(values, out)
    assert out[0] == 4
