"""The model file: arrays with a header, nothing that runs."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.extraction.features import COLUMNS
from stages.extraction.forest import Forest
from stages.extraction.jit import Array
from stages.extraction.lookup import score_table
from stages.extraction.reading import Scores

MAGIC = b"winnow-extractor/1\n"
SHIPPED = Path(__file__).with_name("extractor.model")
_ARRAYS = {
    "token_keys": np.uint32,
    "token_scores": np.float32,
    "word_keys": np.uint32,
    "word_scores": np.float32,
    "nodes": np.int32,
    "leaves": np.float32,
    "roots": np.int32,
}


class Model(NamedTuple):
    """What extraction needs."""

    scores: Scores
    forest: Forest
    about: dict[str, Any]  # how it was trained
    sha256: str


def write_model(path: Path, tables: list[tuple[Array, Array]], forest: Forest, about: dict[str, Any]) -> str:
    """Write a model; returns its sha256. The same arrays give the same bytes."""
    (token_keys, token_scores), (word_keys, word_scores) = tables
    arrays = dict(zip(_ARRAYS, (token_keys, token_scores, word_keys, word_scores, *forest), strict=True))
    body = b"".join(
        np.ascontiguousarray(a, np.dtype(_ARRAYS[name]).newbyteorder("<")).tobytes() for name, a in arrays.items()
    )
    header = {"columns": COLUMNS, "sizes": {name: a.size for name, a in arrays.items()}, "about": about}
    data = MAGIC + json.dumps(header, sort_keys=True).encode() + b"\n" + body
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read_model(path: Path = SHIPPED) -> Model:
    """Read a model. Raises ValueError for a file that is none, is cut short or was made for other features."""
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise ValueError(f"{path}: no extractor model")
    line, _, body = data[len(MAGIC) :].partition(b"\n")
    header = json.loads(line)
    if header["columns"] != COLUMNS:
        raise ValueError(f"{path}: made for {header['columns']} features, this version has {COLUMNS}; fit it anew")
    arrays = _arrays(path, body, header["sizes"])
    scores = Scores(
        *score_table(arrays["token_keys"], arrays["token_scores"]),
        *score_table(arrays["word_keys"], arrays["word_scores"]),
    )
    forest = Forest(arrays["nodes"].reshape(-1, 4), arrays["leaves"], arrays["roots"])
    _check(path, forest)
    return Model(scores, forest, header["about"], hashlib.sha256(data).hexdigest())


def _arrays(path: Path, body: bytes, sizes: dict[str, int]) -> dict[str, Array]:
    if len(body) != 4 * sum(sizes.values()):
        raise ValueError(f"{path}: {len(body)} bytes of arrays instead of {4 * sum(sizes.values())}")
    arrays, at = {}, 0
    for name, kind in _ARRAYS.items():
        little = np.dtype(kind).newbyteorder("<")
        arrays[name] = np.frombuffer(body, little, sizes[name], at).astype(kind)
        at += 4 * sizes[name]
    return arrays


def _check(path: Path, forest: Forest) -> None:
    """Every node must lead forward: a damaged file may neither loop nor reach outside its arrays."""
    inner = len(forest.nodes) - len(forest.leaves)
    own = np.arange(inner)[:, None]
    goes = forest.nodes[:inner, 2:]
    features = forest.nodes[:, 0]
    if (
        inner < 0
        or (goes <= own).any()
        or (goes >= len(forest.nodes)).any()
        or (features < 0).any()
        or (features >= COLUMNS).any()
        or (forest.roots < 0).any()
        or (forest.roots >= len(forest.nodes)).any()
    ):
        raise ValueError(f"{path}: damaged trees")
