"""The model file of the fast engine."""

from pathlib import Path
from typing import Any, NamedTuple

from filters.model_file import read_arrays, write_arrays
from filters.trees.forest import Forest
from filters.trees.grown import is_sound
from stages.extraction.features import COLUMNS
from stages.extraction.jit import Array
from stages.extraction.lookup import score_table
from stages.extraction.reading import Scores

MAGIC = b"winnow-extractor/1\n"
SHIPPED = Path(__file__).with_name("extractor.model")
_ARRAYS = {
    "token_keys": "<u4",
    "token_scores": "<f4",
    "word_keys": "<u4",
    "word_scores": "<f4",
    "nodes": "<i4",
    "leaves": "<f4",
    "roots": "<i4",
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
    return write_arrays(path, MAGIC, arrays, _ARRAYS, {"columns": COLUMNS, "about": about})


def read_model(path: Path = SHIPPED) -> Model:
    """Read a model. Raises ValueError for a file that is none, is cut short or was made for other features."""
    arrays, header, sha256 = read_arrays(path, MAGIC, _ARRAYS)
    if header["columns"] != COLUMNS:
        raise ValueError(f"{path}: made for {header['columns']} features, this version has {COLUMNS}; fit it anew")
    scores = Scores(
        *score_table(arrays["token_keys"], arrays["token_scores"]),
        *score_table(arrays["word_keys"], arrays["word_scores"]),
    )
    forest = Forest(arrays["nodes"].reshape(-1, 4), arrays["leaves"], arrays["roots"])
    if not is_sound(forest, COLUMNS):
        raise ValueError(f"{path}: damaged trees")
    return Model(scores, forest, header["about"], sha256)
