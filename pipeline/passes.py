"""The runner of a pass: project, call, check the contract, attach, gate, write. Everything else lies outside."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.judge import Mask, any_failing
from filters.rule import Rule
from pipeline.errors import WinnowError, is_storage
from stages.base import TRANSIENT, BatchFn, Context, Stage


@dataclass(frozen=True)
class Opened:
    """A stage ready to work: its function, its declared columns, the gates that stop later stages from measuring a row."""

    name: str
    call: BatchFn
    reads: pa.Schema
    returns: pa.Schema
    replaces: tuple[str, ...]
    gates: tuple[Rule, ...]


def open_stage(stage: Stage, ctx: Context, gates: Sequence[Rule]) -> Opened:
    returns = pa.schema([*stage.adds, *stage.replaces])
    return Opened(stage.name, stage.open(ctx), stage.reads, returns, tuple(stage.replaces.names), tuple(gates))


class StageFailed(Exception):
    """A stage raised on a batch. `__cause__` is what it raised; number, batch and living: where to go on with its rows."""

    number: int
    batch: pa.RecordBatch
    living: Mask

    def __init__(self, stage: str, error: Exception) -> None:
        super().__init__(f"stage {stage!r}: {type(error).__name__}: {error}")
        self.stage = stage


def run_pass(
    batches: Iterable[pa.RecordBatch], alive: Iterable[Mask], stages: Sequence[Opened]
) -> Iterator[pa.RecordBatch]:
    """Measure every batch, see `run_batch`."""
    for batch, living in zip(batches, alive, strict=True):
        yield run_batch(batch, living, stages)


def run_batch(
    batch: pa.RecordBatch,
    living: Mask,
    stages: Sequence[Opened],
    at: Callable[[int], None] = lambda stage: None,
    first: int = 0,
) -> pa.RecordBatch:
    """Measure a batch. Rows that failed a gate keep their place, with nulls in what later stages would have added.

    at: told the number of each stage before it is called. first: the stage to begin with. Raises StageFailed for what a
    stage raises, want of memory and of storage apart: those say something about the machine.
    """
    for number in range(first, len(stages)):
        at(number)
        try:
            result = _measure(batch, stages[number], living)
        except StageFailed as failure:
            failure.number, failure.batch, failure.living = number, batch, living
            raise
        batch = _attach(batch, result, stages[number], living)
        living = living & ~any_failing(batch, stages[number].gates)
    return batch


def _measure(batch: pa.RecordBatch, stage: Opened, living: Mask) -> pa.RecordBatch:
    rows = batch.select(stage.reads.names)
    if not living.all():
        rows = rows.filter(pa.array(living))
    result = _called(stage, rows)
    if result.num_rows != rows.num_rows or result.schema.remove_metadata() != stage.returns:
        raise WinnowError(
            f"stage {stage.name!r} broke its contract: it returned {result.num_rows} rows of\n{result.schema}\n"
            f"instead of {rows.num_rows} rows of\n{stage.returns}"
        )
    return result


def _called(stage: Opened, rows: pa.RecordBatch) -> pa.RecordBatch:
    try:
        return stage.call(rows)
    except Exception as error:
        if isinstance(error, MemoryError) or is_storage(error):
            raise
        raise StageFailed(stage.name, error) from error


def _attach(batch: pa.RecordBatch, result: pa.RecordBatch, stage: Opened, living: Mask) -> pa.RecordBatch:
    """Put the result beside the batch; gated rows get null, or keep the text they had."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    if not living.all():
        places = pa.array(np.cumsum(living) - 1, mask=~living)
        result = pa.RecordBatch.from_arrays([c.take(places) for c in result.columns], schema=result.schema)
    for name, values in zip(result.schema.names, result.columns, strict=True):
        keep_old = name in stage.replaces and not living.all()
        columns[name] = pc.if_else(pa.array(living), values, columns[name]) if keep_old else values
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def cut_passes(stages: Sequence[Stage], tunable: Sequence[bool]) -> list[tuple[Stage, ...]]:
    """Cut a pipeline into passes: a pass ends after a gate with a threshold, once no later stage needs the raw page.

    Before that the page itself would have to be stored; so a gate before extraction is part of the measure key instead.
    tunable: whether the stage has a gate whose threshold a recipe may change.
    """
    passes: list[list[Stage]] = [[]]
    gated = False
    for index, stage in enumerate(stages):
        page_needed = any(set(s.reads.names) & set(TRANSIENT.names) for s in stages[index:])
        if gated and not page_needed:
            passes.append([])
            gated = False
        passes[-1].append(stage)
        gated = gated or tunable[index]
    return [tuple(p) for p in passes]
