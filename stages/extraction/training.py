"""Train the extractor and judge it on domains, and sources, it has not seen. Needs lightgbm (extra `fit`)."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from stages.extraction.examples import Example, fold_of
from stages.extraction.forest import Forest, pack_thresholds
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


def flatten(booster: Any) -> Forest:
    """The trees as arrays: inner nodes, then leaves pointing to themselves."""
    nodes: list[list[float]] = []
    leaves: list[float] = []
    roots = [_flat(tree["tree_structure"], nodes, leaves) for tree in booster.dump_model()["tree_info"]]
    inner = len(nodes)
    table = np.zeros((inner + len(leaves), 4), np.int32)
    if inner:
        grown = np.array(nodes, np.float64)
        table[:inner, 0] = grown[:, 0]
        table[:inner, 1] = pack_thresholds(grown[:, 1])
        table[:inner, 2:] = np.where(grown[:, 2:] < 0, inner - 1 - grown[:, 2:], grown[:, 2:])
    table[inner:, 1] = np.iinfo(np.int32).max
    table[inner:, 2:] = np.arange(inner, len(table))[:, None]
    starts = np.array([inner - 1 - r if r < 0 else r for r in roots], np.int32)
    return Forest(table, np.array(leaves, np.float32), starts)


def _flat(node: dict[str, Any], nodes: list[list[float]], leaves: list[float]) -> int:
    """Append a subtree; returns its number, or -1 - i for leaf i."""
    if "split_feature" not in node:
        leaves.append(node["leaf_value"])
        return -len(leaves)
    if node["decision_type"] != "<=":
        raise ValueError("only numerical splits can be flattened")
    here = len(nodes)
    nodes.append([node["split_feature"], node["threshold"], 0, 0])
    nodes[here][2] = _flat(node["left_child"], nodes, leaves)
    nodes[here][3] = _flat(node["right_child"], nodes, leaves)
    return here


def domain_groups(examples: Sequence[Example]) -> Array:
    """The fold of each example: pages of one domain stay together."""
    return np.array([fold_of(e.domain, FOLDS) for e in examples], np.int64)


def unseen_by_domain(table: Table, group: Array, settings: Settings) -> Iterator[tuple[Array, Forest]]:
    """(examples held out, forest that has not seen their domains), fold by fold."""
    of_block = group[table.example]
    for g in range(int(group.max()) + 1):
        yield np.flatnonzero(group == g), flatten(grow(table, of_block != g, settings))
