"""Who belongs together: connected components, and for every member the road to its keeper."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dedup.compiled import compiled

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Forest:
    """For every row (n,): its keeper (itself = survives), the linked row one step nearer to it, the similarity with that.

    via is -1 and similarity 1 for a keeper.
    """

    keeper: Rows
    via: Rows
    similarity: npt.NDArray[np.float64]


def components(count: int, a: Rows, b: Rows) -> Rows:
    """The smallest row of every row's connected component over the links a[k] - b[k]: (count,) int64."""
    groups = Components(count)
    groups.link(a, b)
    return groups.smallest()


class Components:
    """Connected components of rows 0..count-1 over links that come piece by piece; holds 8 bytes a row."""

    def __init__(self, count: int) -> None:
        self._parent = np.arange(count, dtype=np.int64)

    def link(self, a: Rows, b: Rows) -> None:
        _join(self._parent, a, b)

    def smallest(self) -> Rows:
        """For every row the smallest row of its component: (count,) int64."""
        _settle(self._parent)
        return self._parent


def link_forest(
    rank: Rows,
    a: Rows,
    b: Rows,
    similarity: npt.NDArray[np.float64],
    *,
    direct: bool,
    earlier: npt.NDArray[np.bool_] | None = None,
) -> Forest:
    """Choose the keepers and hang every other linked row on one of them, through links only.

    rank: (n,) distinct numbers, the smallest is the best document. a, b, similarity: (m,) the verified links, each once.
    direct=False: the best of a component keeps it; a row's `via` is its most similar neighbour among those one step
    nearer to the keeper, the better ranked of equals. direct=True: a row goes only if it is linked to a keeper itself;
    rows are taken in rank order, so what no keeper claims becomes a keeper.
    earlier: (n,) rows that stay whatever links them, ranked before all others and not linked among themselves; a row
    linked to several of them belongs to the nearest. The order of the links does not matter.
    """
    starts, ends, strengths = _neighbours(len(rank), a, b, similarity)
    keeper, via = np.full(len(rank), -1, np.int64), np.full(len(rank), -1, np.int64)
    strength = np.ones(len(rank), np.float64)
    order = np.argsort(rank, kind="stable")
    if direct:
        _claim_neighbours(order, starts, ends, strengths, keeper, via, strength)
    else:
        roots = 0 if earlier is None else int(np.count_nonzero(earlier))
        _claim_components(order, roots, rank, starts, ends, strengths, keeper, via, strength)
    return Forest(keeper, via, strength)


def _neighbours(
    count: int, a: Rows, b: Rows, similarity: npt.NDArray[np.float64]
) -> tuple[Rows, Rows, npt.NDArray[np.float64]]:
    """Adjacency in compressed rows: the neighbours of i are ends[starts[i]:starts[i + 1]]."""
    starts = np.zeros(count + 1, np.int64)
    starts[1:] = np.cumsum(np.bincount(a, minlength=count) + np.bincount(b, minlength=count))
    ends, strengths = np.empty(2 * len(a), a.dtype), np.empty(2 * len(a), np.float64)
    _fill(starts[:-1].copy(), a, b, similarity, ends, strengths)
    return starts, ends, strengths


@compiled
def _fill(free: Any, a: Any, b: Any, similarity: Any, ends: Any, strengths: Any) -> None:
    """Put both ends of every link into the rows of the other; free[i] is the next place of row i."""
    for k in range(len(a)):
        for row, other in ((a[k], b[k]), (b[k], a[k])):
            ends[free[row]], strengths[free[row]] = other, similarity[k]
            free[row] += 1


@compiled
def _root(parent: Any, row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row


@compiled
def _join(parent: Any, a: Any, b: Any) -> None:
    """Union by smallest row with path halving."""
    for k in range(len(a)):
        x, y = _root(parent, a[k]), _root(parent, b[k])
        if x < y:
            parent[y] = x
        else:
            parent[x] = y


@compiled
def _settle(parent: Any) -> None:
    """Every row points at its root."""
    for row in range(len(parent)):
        parent[row] = _root(parent, row)


@compiled
def _claim_neighbours(order: Any, starts: Any, ends: Any, strengths: Any, keeper: Any, via: Any, strength: Any) -> None:
    for best in order:
        if keeper[best] >= 0:
            continue
        keeper[best] = best
        for k in range(starts[best], starts[best + 1]):
            if keeper[ends[k]] < 0:
                keeper[ends[k]], via[ends[k]], strength[ends[k]] = best, best, strengths[k]


@compiled
def _claim_components(
    order: Any, roots: int, rank: Any, starts: Any, ends: Any, strengths: Any, keeper: Any, via: Any, strength: Any
) -> None:
    """Breadth first from the best rows. The first `roots` start together; after them the first one met is the best."""
    depth, queue = np.zeros(len(order), np.int64), np.empty(len(order), np.int64)
    for place in range(len(order)):
        taken, met = 0, 0
        for best in order[: max(roots, 1)] if place == 0 else order[place : place + 1]:
            if keeper[best] < 0:
                keeper[best], queue[met] = best, best
                met += 1
        while taken < met:
            row = queue[taken]
            taken += 1
            for k in range(starts[row], starts[row + 1]):
                other = ends[k]
                if keeper[other] < 0:
                    depth[other] = depth[row] + 1
                    queue[met] = other
                    met += 1
                elif depth[other] != depth[row] + 1 or not _better(
                    strengths[k], row, strength[other], via[other], rank
                ):
                    continue
                keeper[other], via[other], strength[other] = keeper[row], row, strengths[k]


@compiled
def _better(strength: float, row: int, old_strength: float, old_row: int, rank: Any) -> bool:
    return strength > old_strength or (strength == old_strength and rank[row] < rank[old_row])
