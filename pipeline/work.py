"""What a worker does: from a unit's plain JSON to files in its scratch directory. Pure functions of their inputs."""

import contextlib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.judge import KEPT, Mask, any_failing, first_failing
from filters.rule import Rule
from pipeline.compiling import one_at_a_time
from pipeline.digest import digest_table, file_sha256
from pipeline.errors import UsageError, WinnowError, is_storage
from pipeline.isolate import Isolated, Pace, in_pieces, marked, payload_of, recorded_in
from pipeline.passes import Opened, open_stage
from pipeline.reading import Reading, blamed, glued, lost_in
from pipeline.schemas import VERDICT, WORKER, stored_schema
from pipeline.tables import TableWriter, read_columns, read_table
from pipeline.unit import RECORDED, Produced
from stages.base import Context, Slice, Stage
from stages.registry import make_stage, source_class

if TYPE_CHECKING:
    from pipeline.children import Children
    from pipeline.nurse import Nurse

Report = Callable[[int, int, int], None]  # documents, bytes, kept
Tell = Callable[[dict[str, Any]], None]  # a line to the supervisor


class Job:
    """A unit while it is being worked on: its parameters, where the store lies, its scratch directory, how to report."""

    def __init__(
        self, unit: dict[str, Any], root: Path, scratch: Path, report: Report, tell: Tell = lambda v: None
    ) -> None:
        self.params: dict[str, Any] = unit["params"]
        self.step: str = unit["step"]
        self.key: str = unit["key"]
        self.ordinal: int = unit["ordinal"]
        self.root, self.scratch, self.report, self.tell = root, scratch, report, tell
        self.careful: dict[str, Any] | None = None  # the budgets of a unit that has ended its worker
        self.context = Context(self.params.get("seed", 0), scratch, self._artifacts())
        self.produced = Produced()

    def _artifacts(self) -> dict[str, Path]:
        return {name: self.root / path for name, path in self.params.get("artifacts", {}).items()}

    def at(self, phase: str) -> None:
        """Say what is at work now: `load ...`, `read`, `measure`."""
        self.tell({"at": phase})

    def parts(self) -> list[Path]:
        return [self.root / p for p in self.params["parts"]]

    def rules(self) -> list[Rule]:
        return [Rule.model_validate(r) for r in self.params["rules"]]

    def out(self, final: str) -> Path:
        """A file in scratch that the commit will publish under `final`."""
        name = f"{len(self.produced.files):03d}{Path(final).suffix}"
        self.produced.files[name] = final
        return self.scratch / name

    def finish(self, rows: int, digest: str) -> Produced:
        self.produced.rows = rows
        self.produced.data_digest = digest
        self.produced.counters = dict(sorted(self.context.counters.items()))
        return self.produced


def measure(job: Job) -> Produced:
    """One pass over one slice. The first pass reads the input, later ones read what earlier passes stored."""
    stages = [make_stage(s["name"], s["config"]) for s in job.params["stages"]]
    isolated = Isolated(opened_stages(job, stages), job.context)
    through = _nurse(isolated, job) if job.careful else Plain(isolated, job)
    recorded, row = recorded_in(job.params), 0
    batches = _pages_once(job, recorded) if "slice" in job.params else _stored_input(job, stages)
    with TableWriter(job.out(f"{job.step}/{job.key}.parquet"), stored_schema(job.params["schema"])) as writer:
        for batch, living in _told(batches, job):
            here = {n - row: recorded[n] for n in recorded if row <= n < row + batch.num_rows}
            batch = marked(batch, list(here), *zip(*here.values(), strict=True)) if here else marked(batch, [], [], [])
            living[list(here)] = False
            for done in through(batch, living, row):
                writer.write(done)
            row += batch.num_rows
    _check_conservation(job, writer.digest.rows)
    kinds = Counter(reason for reason, _ in (recorded | through.found).values())
    job.produced.extra = {RECORDED: dict(sorted(kinds.items()))} if kinds else {}
    return job.finish(writer.digest.rows, writer.digest.hexdigest())


def opened_stages(job: Job, stages: Sequence[Stage]) -> list[Opened]:
    """Every stage loaded and warm: kernels compile on an empty batch, before any document is at work."""
    opened = []
    for stage, told in zip(stages, job.params["stages"], strict=True):
        job.at(f"load stage {stage.name!r}")
        with one_at_a_time(stage.name):
            opened.append(_loaded(stage, job.context, [Rule.model_validate(r) for r in told["gates"]]))
            _warm(opened[-1], job.context)
    return opened


def _loaded(stage: Stage, ctx: Context, gates: Sequence[Rule]) -> Opened:
    """Raises UsageError for a stage that can't be loaded; want of memory and of storage go through."""
    try:
        return open_stage(stage, ctx, gates)
    except (WinnowError, MemoryError):
        raise
    except Exception as error:
        if is_storage(error):
            raise
        traceback.print_exc()
        raise UsageError(f"stage {stage.name!r} can't be loaded: {type(error).__name__}: {error}") from error


def _warm(stage: Opened, ctx: Context, rows: Sequence[dict[str, Any]] = ()) -> None:
    before = Counter(ctx.counters)
    with contextlib.suppress(Exception):  # the first batch will tell
        stage.call(
            pa.RecordBatch.from_pylist([{n: row.get(n) for n in stage.reads.names} for row in rows], stage.reads)
        )
    ctx.counters.clear()
    ctx.counters.update(before)


def _nurse(isolated: Isolated, job: Job) -> "Nurse":
    """Children are copies of this process: what a stage loads with its first page is loaded here, not by each of them.

    A child tries it first, for a stage may end its process on any page.
    """
    from pipeline.nurse import PAGES, Nurse

    def warm() -> None:
        for stage in isolated.stages:
            _warm(stage, job.context, PAGES)

    children = _children(job)
    if children.survives(warm):
        warm()
    return Nurse(isolated, job, children)


def _children(job: Job) -> "Children":
    from pipeline.children import Children
    from pipeline.watch import Limits

    told = job.careful or {}
    return Children(job, Limits(told["cpu_seconds"], told["idle_seconds"]), told["memory"])


class Plain:
    """Batches through the stages of this very process."""

    def __init__(self, isolated: Isolated, job: Job) -> None:
        self._isolated, self._job, self._pace = isolated, job, Pace()
        self.found: dict[int, tuple[str, str]] = {}

    def __call__(self, batch: pa.RecordBatch, living: Mask, first: int) -> Iterator[pa.RecordBatch]:
        for piece, mask in in_pieces(batch, living, self._pace):
            done = self._isolated(piece, mask)
            self._job.report(done.num_rows, payload_of(done), 0)
            yield done


Input = Iterator[tuple[pa.RecordBatch, Mask]]  # rows, and which of them are to be measured


def _told(batches: Input, job: Job) -> Input:
    """The same, with word to the supervisor of when reading and when measuring is at work."""
    job.at("read")
    for both in batches:
        job.at("measure")
        yield both
        job.at("read")


Found = dict[int, tuple[str, str]]  # row -> (reason, what was at work)


def _pages_once(job: Job, found: Found) -> Input:
    """The input, without the pages that are read elsewhere in the run."""
    if "repeats" not in job.params:
        return first_input(job, found)
    from pipeline.scout import without_repeats

    return without_repeats(job, first_input(job, found))


def first_input(job: Job, found: Found) -> Input:
    """Rows of the slice as its reader has them. found: takes the verdicts on stretches that end a process."""
    source = job.params["reader"]
    reader = source_class(source["format"])(**source["config"])
    gates = [Rule.model_validate(r) for r in source["gates"]]
    reading = Reading(reader, job.context, Slice(**job.params["slice"]))
    for batch in _with_source(_read(reading, job, found), source):
        yield batch, ~any_failing(batch, gates)
    job.context.counters.pop("bytes_read", None)  # says how it was read, not what


def _read(reading: Reading, job: Job, found: Found) -> Iterator[pa.RecordBatch]:
    lost = lost_in(job.params.get(RECORDED, ()))
    if not (job.careful and job.careful["reading"]):
        return blamed(reading.without(lost))
    from pipeline.nurse_reading import GuardedReading

    return glued(GuardedReading(reading, job, _children(job), found).rows(lost))


def _with_source(batches: Iterator[pa.RecordBatch], source: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """The recipe's word on licences fills in where a record has none of its own."""
    for batch in batches:
        if source["license"] is not None:
            column = pc.fill_null(batch.column("license"), source["license"])
            batch = batch.set_column(batch.schema.get_field_index("license"), "license", column)
        yield batch


def _stored_input(job: Job, stages: Sequence[Stage]) -> Input:
    wanted = dict.fromkeys(["id", *WORKER.names, *(n for s in stages for n in s.reads.names)])
    added = {n for s in stages for n in s.adds.names}
    gated = read_table([job.root / job.params["verdict"]], ["gated"]).column("gated").to_numpy()
    row = 0
    for batch in read_columns(job.parts(), [n for n in wanted if n not in added]):
        row += batch.num_rows
        yield batch, np.asarray(~gated[row - batch.num_rows : row], np.bool_)


def _check_conservation(job: Job, rows: int) -> None:
    counted = job.context.counters.get("in_documents", rows)
    if counted != rows:
        raise AssertionError(f"the reader counted {counted} records but {rows} rows were measured in {job.params}")


def judge(job: Job) -> Produced:
    """Verdicts of one slice from its stored columns: a narrow file, and the balance of the slice."""
    rules = job.rules()
    names = dict.fromkeys(["payload_bytes", *(c for r in rules for c in r.columns)])
    table = read_table(job.parts(), list(names))
    verdict = first_failing(table, rules)
    gated = any_failing(table, [r for r in rules if r.gate])
    reasons = _reasons(table, verdict, rules)
    rows = pa.table([pa.array(verdict), pa.array(gated), reasons], schema=VERDICT)
    with TableWriter(job.out(f"{job.step}/{job.key}.parquet"), VERDICT) as writer:
        writer.write(rows)
    job.produced.extra = {
        "alive_digest": digest_table(rows.select(["gated"])),
        "kept_digest": digest_table(pa.table({"kept": verdict == KEPT})),
        "kept": int((verdict == KEPT).sum()),
        "balance": balance_of(table, rows, rules),
    }
    return job.finish(rows.num_rows, writer.digest.hexdigest())


def _reasons(table: pa.Table, verdict: Any, rules: Sequence[Rule]) -> pa.Array:
    """The word for each verdict; a rule without a reason of its own takes the value of its column."""
    words = np.full(len(table), None, object)
    for index, rule in enumerate(rules):
        hit = verdict == index
        if rule.reason is not None:
            words[hit] = rule.reason
        elif hit.any():
            words[hit] = table.column(rule.conditions[0].column).to_numpy()[hit]
    return pa.array(words, pa.string())


def balance_of(table: pa.Table, verdicts: pa.Table, rules: Sequence[Rule]) -> list[list[Any]]:
    """[action, '<group>.<reason>', documents, payload bytes], sorted; action '' and name '' for the kept."""
    frame = pa.table(
        {"rule": verdicts.column("rule"), "reason": verdicts.column("reason"), "bytes": table.column("payload_bytes")}
    )
    groups = frame.group_by(["rule", "reason"]).aggregate([("bytes", "sum"), ([], "count_all")])
    rows = []
    columns = (groups.column(name).to_pylist() for name in ("rule", "reason", "bytes_sum", "count_all"))
    for rule, reason, size, count in zip(*columns, strict=True):
        action = rules[rule].action if rule != KEPT else ""
        rows.append([action, f"{rules[rule].group}.{reason}" if action else "", count, size or 0])
    return _summed(rows)


def _summed(rows: list[list[Any]]) -> list[list[Any]]:
    total: dict[tuple[str, str], list[int]] = {}
    for action, name, count, size in rows:
        entry = total.setdefault((action, name), [0, 0])
        entry[0] += count
        entry[1] += size
    return [[*key, *counts] for key, counts in sorted(total.items())]


def describe_files(job: Job) -> list[dict[str, Any]]:
    """Size and hash of every file the unit produced, by its final path."""
    listed = []
    for name, final in job.produced.files.items():
        path = job.scratch / name
        listed.append({"name": name, "path": final, "bytes": path.stat().st_size, "sha256": file_sha256(path)})
    return listed
