"""Train the extractor and judge it on domains, and sources, it has not seen. Needs lightgbm (extra `fit`)."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from filters.trees.forest import Forest
from filters.trees.grown import flatten
from stages.extraction.examples import Example, fold_of
from stages.extraction.jit import Array
from stages.extraction.odds import Statistics
from stages.extraction.reading import measure

FOLDS = 5


class Settings(NamedTuple):
    """How the forest is grown."""

    seed: int = 17
    trees: int = 320
    leaves: int = 23
    rate: float = 0.07
    threads: int = 1


class Table(NamedTuple):
    """All blocks of all examples."""

    features: Array  # (n, COLUMNS) float32
    labels: Array
    weights: Array
    example: Array  # (n,) which example a block is of


def feature_table(examples: Sequence[Example], statistics: Statistics, group: Array) -> Table:
    """Features of every block, each page with log-odds learned from the other groups only."""
    parts = []
    for g in range(int(group.max()) + 1):
        scores = statistics.scores(group != g)
        parts += [(i, measure(examples[i].html, scores).features) for i in np.flatnonzero(group == g).tolist()]
    parts.sort(key=lambda part: part[0])
    return Table(
        np.concatenate([features for _, features in parts]),
        np.concatenate([e.labels for e in examples]),
        np.concatenate([e.weights for e in examples]),
        np.repeat(np.arange(len(examples)), [len(e.labels) for e in examples]),
    )


def grow(table: Table, used: Array, settings: Settings) -> Any:
    """A lightgbm booster from the blocks marked in `used`; soft labels, deterministic for one seed."""
    import lightgbm

    options = {
        "objective": "cross_entropy",
        "num_leaves": settings.leaves,
        "learning_rate": settings.rate,
        "min_data_in_leaf": 60,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.7,
        "bagging_freq": 1,
        "lambda_l2": 5,
        "max_bin": 63,
        "num_threads": settings.threads,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    rows = np.flatnonzero(used & (table.weights > 0))
    data = lightgbm.Dataset(
        table.features[rows], table.labels[rows], weight=table.weights[rows], params={"max_bin": 63, "verbose": -1}
    )
    return lightgbm.train(options, data, settings.trees)


def domain_groups(examples: Sequence[Example]) -> Array:
    """The fold of each example: pages of one domain stay together."""
    return np.array([fold_of(e.domain, FOLDS) for e in examples], np.int64)


def unseen_by_domain(table: Table, group: Array, settings: Settings) -> Iterator[tuple[Array, Forest]]:
    """(examples held out, forest that has not seen their domains), fold by fold."""
    of_block = group[table.example]
    for g in range(int(group.max()) + 1):
        yield np.flatnonzero(group == g), flatten(grow(table, of_block != g, settings))
