"""From a booster to a forest, and whether a forest read from a file can be walked."""

from typing import Any

import numpy as np

from filters.trees.forest import Array, Forest


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


def pack_thresholds(thresholds: Array) -> Array:
    """float thresholds as ordered int32; a float32 feature compares to them as to the doubles they were."""
    below = thresholds.astype(np.float32)
    above = below.astype(np.float64) > thresholds
    below[above] = np.nextafter(below[above], np.float32(-np.inf))
    bits = (below + np.float32(0)).view(np.int32).copy()  # + 0: no negative zero
    bits[bits < 0] ^= 0x7FFFFFFF
    return bits


def is_sound(forest: Forest, columns: int) -> bool:
    """Whether every node leads forward and looks at a column there is: a damaged one may neither loop nor reach outside."""
    inner = len(forest.nodes) - len(forest.leaves)
    own = np.arange(max(inner, 0))[:, None]
    goes = forest.nodes[: max(inner, 0), 2:]
    return bool(
        inner >= 0
        and (goes > own).all()
        and (goes < len(forest.nodes)).all()
        and (forest.nodes[:, 0] >= 0).all()
        and (forest.nodes[:, 0] < columns).all()
        and (forest.roots >= 0).all()
        and (forest.roots < len(forest.nodes)).all()
    )
