"""Train the learned judge of lines, and judge it on pages it has not seen. Needs lightgbm and scipy (extra `fit`)."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.boilerplate import company
from filters.boilerplate.blocks import STAYS
from filters.boilerplate.grams import BITS, GRAM, list_slots, token_points, token_room
from filters.boilerplate.judge import judge
from filters.boilerplate.kept import tables_for
from filters.boilerplate.labelled import BOILERPLATE, CONTENT, NEITHER, Page
from filters.boilerplate.learned import GOES, LOUDEST, QUIET, SENTENCE, SPARED, label_rules, write_judge
from filters.boilerplate.scan import Lines
from filters.trees.grown import flatten

Array = npt.NDArray[Any]
FOLDS = 8
RIDGE = 0.04  # on the squares of the weights; three values were tried
STEPS = 60  # of L-BFGS
CONTENT_WEIGHT, CONTENT_LINES = 0.2, 10  # a line of a text that is all content; such a text counts like so many lines
ALONE = 8  # one labelled line of so many is also seen as a text of its own
RISES = (
    company.SCORE, company.BEFORE, company.BEFORE_THAT, company.AFTER, company.AFTER_THAT, company.NEARBY,
    company.WHOLE_TEXT, company.LABELLED, company.PHRASED, company.IN_BLOCK, company.WEAKLY,
)  # fmt: skip


class Settings(NamedTuple):
    """How the forest is grown."""

    seed: int = 17
    trees: int = 300
    leaves: int = 8
    rate: float = 0.05


class Table(NamedTuple):
    """All lines of all pages. target: 1 boilerplate, 0 content, -1 neither."""

    target: Array
    weight: Array
    size: Array  # characters
    fold: Array
    group: Array
    grams: Any  # scipy (lines, 2 ** BITS)
    tokens: Array
    lines: Lines
    line_low: Array
    reason: Array  # of the rules
    unseen: Array  # whether the rules were written without these lines


def fit_judge(
    labelled: Sequence[Page], content: Sequence[Page], seen: frozenset[str], output: Path, settings: Settings
) -> dict[str, Any]:
    """Train on labelled pages and on texts that are content alone; write a model and return what it does unseen.

    seen: groups whose lines the rules of the lexicon were written from; the trees, which weigh the rules, learn from the
    others alone. Raises ValueError without lines of both labels.
    """
    table = tabulate([*labelled, *_alone(labelled), *content], {page.group for page in labelled}, seen)
    if not (table.target == 1).any() or not (table.target == 0).any():
        raise ValueError("no lines of both labels, A| and C|")
    heard = _heard_unseen(table)
    chances = _chances_unseen(table, heard, settings)
    told = _told(table, heard, chances)
    weights, bias = _weigh(table, np.flatnonzero(table.target >= 0))
    forest = flatten(_grow(table, _described(table, heard), _learnable(table), settings))
    about = {"settings": settings._asdict(), **told}
    sha256 = write_judge(output, weights, bias, forest, about)
    return {"schema": "winnow.fit/1", **told, "sha256": sha256, "bytes": output.stat().st_size}


def _alone(pages: Sequence[Page]) -> Iterator[Page]:
    """Lines as texts of their own, for a text may be one line."""
    for page in pages:
        for at, line in enumerate(page.lines):
            if page.labels[at] != NEITHER and zlib.crc32(line.encode()) % ALONE == 0:
                yield Page(page.group, page.name, [page.labels[at]], [line])


def tabulate(pages: Sequence[Page], labelled: set[str], seen: frozenset[str]) -> Table:
    """What is known of every line, by the same calls that judge texts."""
    ruled = judge(pa.array(["\n".join(page.lines) for page in pages], pa.large_string()), learned=None)
    if ruled.line_low[-1] != sum(len(page.lines) for page in pages):
        raise ValueError("a line of a page holds a line break")
    names = [label for page in pages for label in page.labels]
    counts = [len(page.lines) for page in pages]
    group = np.repeat([page.group for page in pages], counts)
    free = np.repeat([page.group not in labelled for page in pages], counts)
    weight = np.where(free, CONTENT_WEIGHT * np.minimum(1, CONTENT_LINES / np.repeat(counts, counts)), 1.0)
    folds = {one: at % FOLDS for at, one in enumerate(sorted(labelled))}
    fold = [folds.get(page.group, zlib.crc32(page.name.encode()) % FOLDS) for page in pages]
    grams, tokens = _grams(ruled.data, ruled.lines)
    return Table(
        np.array([{BOILERPLATE: 1, CONTENT: 0}.get(name, -1) for name in names]), weight,
        np.array([len(line) for page in pages for line in page.lines]), np.repeat(fold, counts), group, grams, tokens,
        ruled.lines, ruled.line_low, ruled.reason, ~np.isin(group, sorted(seen)),
    )  # fmt: skip


def _grams(data: Array, lines: Lines) -> tuple[Any, Array]:
    """The grams of lines as rows whose squares sum to 1, where none is said twice; tokens of each line."""
    import scipy.sparse

    count = len(lines.start)
    low, out = np.zeros(count + 1, np.int64), np.empty(GRAM * (len(data) + 3 * count), np.int64)
    tokens = np.zeros(count, np.int64)
    list_slots(data, lines.start, lines.end, token_points(), low, out, tokens, token_room())
    sizes = np.diff(low)
    values = np.repeat(np.maximum(sizes, 1) ** -0.5, sizes)
    return scipy.sparse.csr_matrix((values, out[: low[-1]].astype(np.int32), low), shape=(count, 1 << BITS)), tokens


def _weigh(table: Table, rows: Array) -> tuple[Array, float]:
    """Weights of the grams and the bias: logistic regression with a ridge."""
    from scipy.optimize import minimize

    grams, sign, weight = table.grams[rows], np.where(table.target[rows] == 1, 1.0, -1.0), table.weight[rows]
    turned = grams.T.tocsr()

    def loss(point: Array) -> tuple[float, Array]:
        margin = sign * (grams @ point[:-1] + point[-1])
        pull = -weight * sign / (1 + np.exp(np.clip(margin, -50, 50)))
        cost = (weight * np.logaddexp(0, -margin)).sum() + RIDGE * (point[:-1] ** 2).sum()
        return float(cost), np.append(turned @ pull + 2 * RIDGE * point[:-1], pull.sum())

    found = minimize(
        loss, np.zeros((1 << BITS) + 1), jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxcor": 6}
    )
    return found.x[:-1], float(found.x[-1])


def _heard_unseen(table: Table) -> Array:
    """The score of every line by weights that have not seen its fold."""
    heard = np.zeros(len(table.target), np.float32)
    for fold in range(FOLDS):
        here = np.flatnonzero(table.fold == fold)
        weights, bias = _weigh(table, np.flatnonzero((table.fold != fold) & (table.target >= 0)))
        heard[here] = table.grams[here] @ weights + bias
    return np.clip(heard, -LOUDEST, LOUDEST)


def _described(table: Table, heard: Array) -> Array:
    labels = label_rules(tables_for().tables)
    return company.described(table.lines, table.line_low, table.reason, heard, table.tokens, labels)


def _learnable(table: Table) -> Array:
    return (table.target >= 0) & table.unseen


def _grow(table: Table, features: Array, rows: Array, settings: Settings) -> Any:
    import lightgbm

    options = {
        "objective": "binary",
        "num_leaves": settings.leaves,
        "learning_rate": settings.rate,
        "min_data_in_leaf": 60,
        "lambda_l2": 5,
        "feature_fraction": 0.6,
        "monotone_constraints": [int(column in RISES) for column in range(company.COLUMNS)],
        "max_bin": 63,
        "num_threads": 1,
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    here = np.flatnonzero(rows)
    weight = table.weight[here] * np.sqrt(table.size[here])
    data = lightgbm.Dataset(features[here], table.target[here], weight=weight, params={"max_bin": 63, "verbose": -1})
    return lightgbm.train(options, data, settings.trees)


def _chances_unseen(table: Table, heard: Array, settings: Settings) -> Array:
    """The chance of every line by trees that have not seen its fold."""
    features, chances = _described(table, heard), np.zeros(len(heard))
    for fold in range(FOLDS):
        booster = _grow(table, features, _learnable(table) & (table.fold != fold), settings)
        here = table.fold == fold
        chances[here] = booster.predict(features[here])
    return chances


def _told(table: Table, heard: Array, chances: Array) -> dict[str, Any]:
    """Shares of characters of boilerplate removed and of content lost, by group, with the rules alone and with both."""
    spared = (chances < SPARED) & (heard < 0) & (table.tokens >= SENTENCE)
    gone = np.where(table.reason == STAYS, (chances > GOES) & (heard > QUIET), ~spared)
    groups = {str(name): table.group == name for name in np.unique(table.group[table.weight == 1])}
    groups["texts"] = table.weight < 1
    told = {
        name: {"rules": _shares(table, rows, table.reason != STAYS), "learned": _shares(table, rows, gone)}
        for name, rows in groups.items()
    }
    return {"lines": len(chances), "unseen": told}


def _shares(table: Table, rows: Array, gone: Array) -> dict[str, float | None]:
    def share(label: int) -> float | None:
        size = table.size * (rows & (table.target == label))
        return round(float((size * gone).sum() / size.sum()), 4) if size.sum() else None

    return {"removed": share(1), "lost": share(0)}
