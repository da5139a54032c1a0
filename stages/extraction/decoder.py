"""From the blocks' probabilities to the set of blocks with the highest expected F1."""

import numpy as np

from stages.extraction.jit import Array, kernel

FLOOR = np.float32(0.12)  # no block less likely than this is kept


@kernel
def choose(chances: Array, order: Array, units: Array, keep: Array) -> float:
    """Mark the blocks to keep, given their order from the likeliest on; returns their expected F1.

    Of all sets "everything at least so likely" the one with the highest ratio of expected sums (Lipton et al. 2014):
    2 * sum of chance * size over the kept, over size of the kept plus expected size of the content.
    """
    expected = 0.0
    for i in range(len(chances)):
        expected += chances[i] * (units[i] + 1)
    hit = size = best = 0.0
    bound = np.float32(2)
    for i in order:
        hit += chances[i] * (units[i] + 1)
        size += units[i] + 1
        score = 2 * hit / (size + expected + 1e-9)
        if score > best:
            best, bound = score, chances[i]
    if bound < FLOOR:
        bound = FLOOR
    for i in range(len(chances)):
        keep[i] = chances[i] >= bound
    return best
