"""Gradient-boosted trees: their arrays and the walk through them. Growing them is elsewhere and needs lightgbm."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from filters.kernels.jit import Number, helper, kernel

Array = npt.NDArray[Any]
TABLE, NUMBERS, FLOATS = types.int32[:, ::1], types.int32[::1], types.float32[::1]

_NEAR = 256  # rows that go through all trees before the next ones do: 110 kB, near enough to be read for every tree
_ABREAST = 4  # rows walked at once, so that one's memory reads hide behind the others'


class Forest(NamedTuple):
    """Inner nodes first, then leaves, which point to themselves."""

    nodes: Array  # (n, 4) int32: feature, threshold as an ordered integer, where to go if <=, where if >
    leaves: Array  # (l,) float32: the value of node n_inner + i
    roots: Array  # (trees,) int32


@kernel(TABLE)
def ordered(features: Array) -> None:
    """Turn the bits of float32 numbers, seen as int32, into integers of the same order; in place."""
    for i in range(features.shape[0]):
        for j in range(features.shape[1]):
            if features[i, j] < 0:
                features[i, j] ^= 0x7FFFFFFF


@helper
def _one_tree(
    features: Array, nodes: Array, leaves: Array, root: Number, begin: Number, end: Number, result: Array
) -> None:
    """Add what a tree says of the rows from begin to end."""
    inner = len(nodes) - len(leaves)
    i = begin
    while i + _ABREAST <= end:
        a = b = c = d = np.int64(root)
        while a < inner or b < inner or c < inner or d < inner:
            a = np.int64(nodes[a, 3 if features[i, nodes[a, 0]] > nodes[a, 1] else 2])
            b = np.int64(nodes[b, 3 if features[i + 1, nodes[b, 0]] > nodes[b, 1] else 2])
            c = np.int64(nodes[c, 3 if features[i + 2, nodes[c, 0]] > nodes[c, 1] else 2])
            d = np.int64(nodes[d, 3 if features[i + 3, nodes[d, 0]] > nodes[d, 1] else 2])
        result[i] += leaves[a - inner]
        result[i + 1] += leaves[b - inner]
        result[i + 2] += leaves[c - inner]
        result[i + 3] += leaves[d - inner]
        i += _ABREAST
    while i < end:
        a = np.int64(root)
        while a < inner:
            a = np.int64(nodes[a, 3 if features[i, nodes[a, 0]] > nodes[a, 1] else 2])
        result[i] += leaves[a - inner]
        i += 1


@kernel(TABLE, TABLE, FLOATS, NUMBERS, FLOATS)
def probabilities(features: Array, nodes: Array, leaves: Array, roots: Array, result: Array) -> None:
    """Fill result ((b,) float32, zeros) from ordered features ((b, COLUMNS) int32)."""
    n = len(features)
    for begin in range(0, n, _NEAR):
        end = min(n, begin + _NEAR)
        for root in roots:
            _one_tree(features, nodes, leaves, root, begin, end, result)
    for i in range(n):
        result[i] = 1 / (1 + np.exp(-result[i]))
