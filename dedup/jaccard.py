"""Exact Jaccard similarity of shingle sets."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dedup.compiled import compiled
from dedup.shingles import ShingleSets

Rows = npt.NDArray[np.int64]


def jaccard_pairs(sets: ShingleSets, a: Rows, b: Rows) -> npt.NDArray[np.float64]:
    """|A and B| / |A or B| of sets a[k] and b[k]: (m,) float64. Two empty sets have nothing in common: 0."""
    return jaccard_of_runs(sets.values, sets.offsets[:-1], sets.offsets[1:], a, b)


def jaccard_of_runs(
    values: npt.NDArray[np.uint64], starts: Rows, ends: Rows, a: Rows, b: Rows
) -> npt.NDArray[np.float64]:
    """The same for sets that lie anywhere: set i is the sorted run values[starts[i]:ends[i]]."""
    out = np.zeros(len(a), np.float64)
    _jaccard(values, starts, ends, a, b, out)
    return out


@compiled
def _jaccard(values: Any, starts: Any, ends: Any, a: Any, b: Any, out: Any) -> None:
    for k in range(len(a)):
        i, i_end, j, j_end = starts[a[k]], ends[a[k]], starts[b[k]], ends[b[k]]
        common = _common(values, i, i_end, j, j_end)
        union = i_end - i + j_end - j - common
        out[k] = common / union if union else 0.0


@compiled
def _common(values: Any, i: int, i_end: int, j: int, j_end: int) -> int:
    """How many values two sorted runs share; steps without branches, so that chance does not cost."""
    common = 0
    while i < i_end and j < j_end:
        x, y = values[i], values[j]
        common += x == y
        i += x <= y
        j += y <= x
    return common
