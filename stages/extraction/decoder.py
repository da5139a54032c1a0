"""From the blocks' probabilities to the set of blocks with the highest expected F1."""

import numpy as np

from stages.extraction.jit import Array, kernel

FLOOR = np.float32(0.12)  # no block less likely than this is kept
BESIDE = np.float32(0.1)  # what each neighbour says of a block
LENIENT = np.float32(0.8)  # exponent: trees that see one block at a time are too sure that it is none


@kernel
def likelihoods(chances: Array, out: Array) -> None:
    """The chances ((b,) float32) seen together: content stands beside content.

    Both constants were chosen by F1 on unseen domains, among seven pairs (docs/explanation/extraction.md).
    """
    last = len(chances) - 1
    for i in range(len(chances)):
        before, after = chances[max(i - 1, 0)], chances[min(i + 1, last)]
        out[i] = np.power((1 - 2 * BESIDE) * chances[i] + BESIDE * (before + after), LENIENT)


@kernel
def choose(chances: Array, likely: Array, order: Array, units: Array, keep: Array) -> float:
    """Mark the blocks to keep, given their order from the likeliest on; returns the F1 expected of them by `chances`.

    Of all sets "everything at least so likely" the one with the highest ratio of expected sums (Lipton et al. 2014):
    2 * sum of chance * size over the kept, over size of the kept plus expected size of the content.
    """
    expected = wanted = 0.0
    for i in range(len(likely)):
        expected += likely[i] * (units[i] + 1)
        wanted += chances[i] * (units[i] + 1)
    hit = size = best = 0.0
    bound = np.float32(2)
    for i in order:
        hit += likely[i] * (units[i] + 1)
        size += units[i] + 1
        score = 2 * hit / (size + expected + 1e-9)
        if score > best:
            best, bound = score, likely[i]
    bound = max(bound, FLOOR)
    hit = size = 0.0
    for i in range(len(likely)):
        keep[i] = likely[i] >= bound
        if keep[i]:
            hit += chances[i] * (units[i] + 1)
            size += units[i] + 1
    return 2 * hit / (size + wanted + 1e-9)
