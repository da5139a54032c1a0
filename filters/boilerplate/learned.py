"""The learned judge of lines: it finds what no phrase names, and spares what the rules take by mistake.

One weight per gram gives a line a score; trees weigh it with the scores around it and with what the rules said.
"""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from filters.boilerplate.automaton import Tables
from filters.boilerplate.blocks import LEARNED, STAYS
from filters.boilerplate.company import COLUMNS, described
from filters.boilerplate.grams import BITS, MOST_TOKENS, sum_weights, token_points, token_room
from filters.boilerplate.jit import Buffer, Number, kernel
from filters.boilerplate.scan import Cuts, Lines
from filters.boilerplate.shipped import SHIPPED
from filters.boilerplate.verdicts import BLANK
from filters.model_file import read_arrays, write_arrays
from filters.trees.forest import Forest, ordered, probabilities
from filters.trees.grown import is_sound

MAGIC = b"winnow-lines/1\n"
KINDS = {"weights": "<i1", "nodes": "<i4", "leaves": "<f4", "roots": "<i4"}
GOES = 0.9  # chance of being boilerplate above which a line goes that no rule names
SPARED = 0.5  # and below which a sentence stays that a rule names
SENTENCE = 15  # tokens: what is shorter is a label or a button, and the rules know those better
QUIET = 1.0  # a line whose own words say less stays, whatever stands around it, unless a rule names it
LOUDEST = 6.0  # no score counts for more
TOGETHER = 1 << 16  # lines described at once: 68 bytes each; a longer text is left to the rules


class Learned(NamedTuple):
    """score of a line = scale * sum of its weights / sqrt(how many) + bias."""

    weights: npt.NDArray[np.int8]  # (2 ** BITS,)
    scale: float
    bias: float
    forest: Forest
    about: dict[str, Any]  # how it was trained
    sha256: str


@cache
def shipped_judge() -> Learned:
    """The model in the package, read once a process."""
    return read_judge(SHIPPED)


def read_judge(path: Path) -> Learned:
    """Read a model. Raises ValueError for a file that is none, is damaged, or was made for other features."""
    arrays, header, sha256 = read_arrays(path, MAGIC, KINDS)
    forest = Forest(arrays["nodes"].reshape(-1, 4), arrays["leaves"], arrays["roots"])
    if header.get("columns") != COLUMNS or len(arrays["weights"]) != 1 << BITS:
        raise ValueError(f"{path}: made for other features than this version has; fit it anew")
    if not is_sound(forest, COLUMNS):
        raise ValueError(f"{path}: damaged trees")
    return Learned(arrays["weights"], header["scale"], header["bias"], forest, header["about"], sha256)


def write_judge(path: Path, weights: npt.NDArray[Any], bias: float, forest: Forest, about: dict[str, Any]) -> str:
    """Write a model, its weights rounded to 255 steps; returns its sha256."""
    scale = max(float(np.abs(weights).max()), 1e-9) / 127  # weights that are all 0 stay so
    arrays = {"weights": np.rint(weights / scale).astype(np.int8), **forest._asdict()}
    header = {"columns": COLUMNS, "scale": scale, "bias": round(bias, 6), "about": about}
    return write_arrays(path, MAGIC, arrays, KINDS, header)


def label_rules(tables: Tables) -> npt.NDArray[np.bool_]:
    """For each rule of the lexicon whether it knows labels alone."""
    found = np.zeros(len(tables.kind), np.bool_)
    found[tables.word_rule[tables.word_rule >= 0]] = True
    return found


def scores(
    judge: Learned, data: Buffer, start: Buffer, end: Buffer
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """(score, tokens) of stretches of bytes; above 0 a stretch sounds like boilerplate."""
    sums, grams, tokens = (np.zeros(len(start), np.int64) for _ in range(3))
    sum_weights(data, start, end, token_points(), judge.weights, sums, grams, tokens, token_room())
    heard = judge.scale * sums / np.sqrt(np.maximum(grams, 1)) + judge.bias
    return np.clip(heard, -LOUDEST, LOUDEST).astype(np.float32), tokens


def overrule(
    judge: Learned, tables: Tables, data: Buffer, lines: Lines, line_low: Buffer, reason: Buffer, goes: float
) -> None:
    """Change `reason`: lines go as LEARNED, or stay though a rule names them. Linear in the text."""
    labels = label_rules(tables)
    low = 0
    while low < len(line_low) - 1:
        high = max(int(np.searchsorted(line_low, line_low[low] + TOGETHER, "right")) - 1, low + 1)
        first, last = int(line_low[low]), int(line_low[high])
        if last - first <= TOGETHER:
            part = Lines._make(column[first:last] for column in lines)
            _overrule(judge, labels, data, part, line_low[low : high + 1] - first, reason[first:last], goes)
        low = high


def _overrule(
    judge: Learned, labels: Buffer, data: Buffer, lines: Lines, line_low: Buffer, reason: Buffer, goes: float
) -> None:
    heard, tokens = scores(judge, data, lines.start, lines.end)
    asked = np.flatnonzero((reason != STAYS) | (heard > QUIET))
    bits = described(lines, line_low, reason, heard, tokens, labels)[asked].view(np.int32)
    ordered(bits)
    answers, chances = np.zeros(len(asked), np.float32), np.zeros(len(reason), np.float32)
    probabilities(bits, *judge.forest, answers)
    chances[asked] = answers
    decide(lines, heard, chances, tokens, np.float32(goes), reason)


@kernel
def decide(lines: Lines, heard: Buffer, chances: Buffer, tokens: Buffer, goes: Number, reason: Buffer) -> None:
    """Overrule `reason` where the chance is clear, and never against what a line itself says.

    Blank lines, and those read in part, stay as they are.
    """
    for at in range(reason.shape[0]):
        if lines.flags[at] & BLANK or tokens[at] >= MOST_TOKENS:
            continue
        if reason[at] == STAYS and chances[at] > goes:
            reason[at] = LEARNED
        elif reason[at] != STAYS and chances[at] < SPARED and heard[at] < 0 and tokens[at] >= SENTENCE:
            reason[at] = STAYS


def sure_cuts(judge: Learned, data: Buffer, cuts: Cuts, count: int) -> tuple[Cuts, int]:
    """The cuts whose sentences do not sound like content, and how many they are."""
    heard, _ = scores(judge, data, cuts.start[:count], cuts.end[:count])
    sure = np.flatnonzero(heard > 0)
    return Cuts._make(column[:count][sure] for column in cuts), len(sure)
