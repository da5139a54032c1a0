"""The extractor: a page in, its main text out."""

from functools import cache
from typing import NamedTuple

import numpy as np

from filters.trees.forest import Forest, ordered, probabilities
from stages.extraction.decoder import choose, likelihoods
from stages.extraction.features import F_UNITS
from stages.extraction.jit import Array
from stages.extraction.model import Model, read_model
from stages.extraction.page import Page
from stages.extraction.reading import Measured, Scores, measure


class Choice(NamedTuple):
    """A page and which of its blocks are main content; confidence: the F1 expected of that choice."""

    page: Page
    relations: Array
    keep: Array  # (b,) bool
    confidence: float


@cache
def shipped_model() -> Model:
    """The model in the package, read once a process."""
    return read_model()


def choose_blocks(utf8: bytes, scores: Scores, forest: Forest) -> Choice:
    """Find the main content of a page given as UTF-8."""
    measured = measure(utf8, scores)
    keep, confidence = decide(measured, forest)
    return Choice(measured.page, measured.relations, keep, confidence)


def decide(measured: Measured, forest: Forest) -> tuple[Array, float]:
    """(blocks to keep, expected F1). Destroys the features."""
    n = len(measured.features)
    keep, chances = np.zeros(n, np.bool_), np.zeros(n, np.float32)
    if not n:
        return keep, 0.0
    units = measured.features[:, F_UNITS].copy()
    bits = measured.features.view(np.int32)
    ordered(bits)
    probabilities(bits, *forest, chances)
    likely = np.empty(n, np.float32)
    likelihoods(chances, likely)
    return keep, choose(chances, likely, np.argsort(-likely, kind="stable"), units, keep)
