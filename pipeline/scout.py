"""Pages looked at before the run reads them in earnest: what `pages` compares, of those no early gate refuses."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.judge import any_failing
from filters.rule import Rule
from pipeline.barriers import UNIT_SHIFT, handles_of, make_barrier, with_handle, write_sketch
from pipeline.isolate import Isolated, marked
from pipeline.schemas import REPEATS
from pipeline.unit import Produced
from pipeline.work import Input, Job, first_input, opened_stages
from stages.parquet_files import read_between
from stages.registry import make_stage


def scout(job: Job) -> Produced:
    """The sketch of one slice, read from its input. A page that `url_rules` refuses must not stand for one it allows."""
    barrier = make_barrier(job.params)
    stages = [make_stage(s["name"], s["config"]) for s in job.params["stages"]]
    isolated = Isolated(opened_stages(job, stages), job.context)
    nothing = with_handle(barrier, pa.RecordBatch.from_pylist([], barrier.reads), np.zeros(0, np.int64))
    pages = (with_handle(barrier, *found) for found in _pages(job, isolated))
    return write_sketch(job, map(barrier.sketch(job.context), chain([nothing], pages)))


def _pages(job: Job, isolated: Isolated) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Pages that are measured if they are no copies, and their handles."""
    gates = [Rule.model_validate(gate) for told in job.params["stages"] for gate in told["gates"]]
    row = 0
    job.at("read")
    for batch, living in first_input(job, {}):
        done = isolated(marked(batch, [], [], []), living)
        mask = living & ~any_failing(done, gates) & pc.is_null(done.column("worker__error")).to_numpy(False)
        yield done.filter(pa.array(mask)), (job.ordinal << UNIT_SHIFT) + row + np.flatnonzero(mask)
        row += batch.num_rows
        job.report(batch.num_rows, 0, 0)


def without_repeats(job: Job, batches: Input) -> Input:
    """Batches with the id of the page that is read in a repeated one's stead, which is not measured itself."""
    names = ["id", "keeper_id", "removed"]
    told = read_between(job.root / job.params["repeats"], "handle", *handles_of(job.ordinal), names)
    told = told.filter(told.column("removed"))
    instead = dict(zip(told.column("id").to_pylist(), told.column("keeper_id").to_pylist(), strict=True))
    for batch, living in batches:
        read = [instead.get(name) for name in batch.column("id").to_pylist()]
        yield batch.append_column(REPEATS.field(0), pa.array(read, pa.string())), living & [r is None for r in read]
