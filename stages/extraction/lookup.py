"""Learned scores by hash: log-odds of class words and of words of the text."""

import numpy as np

from stages.extraction.jit import Array, Number, helper
from stages.extraction.tags import hash_table


def score_table(keys: Array, values: Array) -> tuple[Array, Array]:
    """(slots, values by slot) for `score`; keys are distinct, below 2**32."""
    slots, indices = hash_table([int(key) for key in keys])
    scores = np.zeros(len(slots), np.float32)
    used = slots >= 0
    scores[used] = values[indices[used]]
    return slots, scores


@helper
def score(key: Number, slots: Array, values: Array) -> Number:
    """The score of a hash; 0 for one never learned."""
    mask = len(slots) - 1
    slot = (key ^ (key >> 15)) & mask
    while slots[slot] != -1:
        if slots[slot] == key:
            return values[slot]
        slot = (slot + 1) & mask
    return np.float32(0)
