"""A stage that raises costs one document, and of the others nothing that was done."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from filters.rule import rule
from pipeline.errors import WinnowError
from pipeline.isolate import STAGE_ERROR, Isolated, marked
from pipeline.passes import open_stage
from stages.base import Context, Stage, columns

TEXTS = [f"text {n}" for n in range(100)]


class Lengths(Stage):
    """Counts what it has seen, and how often it was called."""

    name = "lengths"
    reads = columns(text=pa.string())
    adds = columns(n=pa.int64())
    calls: ClassVar[int] = 0

    def open(self, ctx: Context) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        def measure(batch: pa.RecordBatch) -> pa.RecordBatch:
            type(self).calls += 1
            ctx.counters["measured"] += batch.num_rows
            return pa.record_batch({"n": pa.array([len(t) for t in batch.column("text").to_pylist()], pa.int64())})

        return measure


class Fragile(Stage):
    """Raises on a text with `evil` in it, after it has counted; else changes the text."""

    name = "fragile"
    reads = columns(text=pa.string())
    replaces = columns(text=pa.string())

    def open(self, ctx: Context) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
        def measure(batch: pa.RecordBatch) -> pa.RecordBatch:
            ctx.counters["tried"] += batch.num_rows
            texts = batch.column("text").to_pylist()
            if any("evil" in text for text in texts):
                raise ZeroDivisionError("evil")
            return pa.record_batch({"text": pa.array([text.upper() for text in texts], pa.string())})

        return measure


def isolated() -> Isolated:
    """Texts of fewer than 6 signs are gated before they reach the fragile stage."""
    ctx, Lengths.calls = Context(), 0
    gate = rule("lengths", "n", "<", 6, "short", gate=True)
    return Isolated([open_stage(Lengths(), ctx, [gate]), open_stage(Fragile(), ctx, [])], ctx)


def through(one: Isolated, texts: list[str], pieces: int) -> list[dict[str, object]]:
    batch = marked(pa.record_batch({"text": pa.array(texts, pa.string())}), [], [], [])
    rows: list[dict[str, object]] = []
    for at in range(0, len(texts), pieces):
        piece = batch.slice(at, pieces)
        rows += one(piece, np.ones(piece.num_rows, np.bool_)).to_pylist()
    return rows


@pytest.mark.parametrize("evil", [[50], [0], [99], [3, 4, 77], [1, 97, 98, 99]])
def test_however_rows_are_cut_the_same_ones_are_lost_and_the_same_things_counted(evil: list[int]) -> None:
    texts = ["evil text" if n in evil else text for n, text in enumerate(TEXTS)] + ["evil"]  # the last one is gated
    one_by_one = isolated()
    expected = through(one_by_one, texts, 1)
    assert [n for n, row in enumerate(expected) if row["worker__error"] == STAGE_ERROR] == evil
    assert {row["worker__stage"] for row in expected} == {None, "fragile"}
    assert expected[100]["n"] == 4 and expected[2]["text"] == "TEXT 2" and expected[evil[0]]["n"] is None
    for size in (2, 7, 64, 200):
        again = isolated()
        assert through(again, texts, size) == expected
        assert again.ctx.counters == one_by_one.ctx.counters


def test_what_came_before_the_stage_that_raised_is_done_once() -> None:
    one = isolated()
    through(one, [*TEXTS[:63], "evil text"], 64)
    assert Lengths.calls == 1 + 1  # the batch, and the row that goes on without any stage
    assert one.ctx.counters == {"measured": 64, "tried": 63}


def test_a_stage_that_raises_on_most_rows_is_at_fault_itself() -> None:
    with pytest.raises(WinnowError, match="the stage is at fault"):
        through(isolated(), ["evil text"] * 60, 60)
