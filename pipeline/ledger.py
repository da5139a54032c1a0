"""The ledger: every document that is not in the pool, with where, why, by which value, against whom."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.judge import KEPT
from filters.rule import Condition, Rule
from pipeline.barriers import handles_of
from pipeline.schemas import LEDGER
from pipeline.tables import FINAL, TableWriter, read_table
from pipeline.unit import Produced
from pipeline.work import Job
from stages.parquet_files import read_between

_IDENTITY = ("id", "record_key", "source", "url", "file", "offset", "length")


def ledger_part(job: Job) -> Produced:
    """One part of the ledger from a run of consecutive slices; counts what it holds, for the balance."""
    counts: dict[tuple[str, str], list[int]] = {}
    with TableWriter(job.out(job.params["final"]), LEDGER, FINAL) as writer:
        for piece in job.params["slices"]:
            rows, payload = _lost(job, piece)
            writer.write(rows.select(LEDGER.names))
            _count(counts, rows, payload)
    job.produced.extra = {"lost": [[*key, *value] for key, value in sorted(counts.items())]}
    return job.finish(writer.digest.rows, writer.digest.hexdigest())


def _lost(job: Job, piece: dict[str, Any]) -> tuple[pa.Table, Any]:
    """Ledger rows of one slice in row order, and their payload bytes."""
    parts = [job.root / p for p in piece["parts"]]
    rules = [Rule.model_validate(r) for r in piece["rules"]]
    verdict = read_table([job.root / piece["verdict"]], ["rule", "reason"])
    met = [index for index in np.unique(verdict.column("rule").to_numpy()).tolist() if index != KEPT]
    used = {c for index in met for c in rules[index].columns}
    table = read_table(parts, list(dict.fromkeys([*_IDENTITY, "payload_bytes", *sorted(used)])))
    judged = [_judged(table, verdict, index, rules[index]) for index in met]
    doubled = _doubled(job, piece, table)
    rows = pa.concat_tables([*judged, doubled]).sort_by("row").combine_chunks()
    return rows, table.column("payload_bytes").take(rows.column("row")).to_numpy()


def _judged(table: pa.Table, verdict: pa.Table, index: int, rule: Rule) -> pa.Table:
    places = np.flatnonzero(verdict.column("rule").to_numpy() == index)
    rows = table.select(list(dict.fromkeys([*_IDENTITY, *rule.columns]))).take(pa.array(places))
    tested = rule.conditions[-1]
    number, string = _value(rows.column(tested.column))
    return _ledger_rows(
        rows,
        row=pa.array(places, pa.int64()),
        stage=_same(rule.group, rows),
        reason=verdict.column("reason").take(pa.array(places)),
        action=_same(rule.action, rows),
        column=_same(tested.column, rows),
        value_num=number,
        value_str=string,
        threshold=_limits(tested, rows),
        **({"duplicate_of": string} if rule.action == "duplicate" else {}),
    )


def _doubled(job: Job, piece: dict[str, Any], table: pa.Table) -> pa.Table:
    low, high = handles_of(piece["ordinal"])
    told = read_between(job.root / job.params["clusters"], "handle", low, high)
    told = told.filter(told.column("removed"))
    places = pa.array(told.column("handle").to_numpy() - low, pa.int64())
    rows = table.take(places)
    return _ledger_rows(
        rows,
        row=places,
        stage=told.column("stage"),
        reason=told.column("kind"),
        action=pc.if_else(pc.equal(told.column("kind"), "keep_top"), "drop", "duplicate"),
        column=told.column("column"),
        value_num=told.column("value"),
        threshold=told.column("threshold"),
        duplicate_of=told.column("keeper_id"),
        via=told.column("via_id"),
        similarity=told.column("similarity"),
    )


def _ledger_rows(rows: pa.Table, **given: Any) -> pa.Table:
    known = {name: rows.column(name) for name in _IDENTITY} | given
    columns = [known.get(f.name, pa.nulls(rows.num_rows, f.type)).cast(f.type) for f in LEDGER]
    return pa.table([*columns, known["row"]], schema=pa.schema([*LEDGER, ("row", pa.int64())]))


def _same(word: str, rows: pa.Table) -> pa.Array:
    return pa.array([word] * rows.num_rows, pa.string())


def _value(column: pa.ChunkedArray) -> tuple[Any, Any]:
    """The value that decided, as a number or as a string."""
    nothing = pa.nulls(len(column), pa.string())
    if pa.types.is_string(column.type):
        return pa.nulls(len(column), pa.float64()), column
    return column.cast(pa.float64()), nothing


def _limits(condition: Condition, rows: pa.Table) -> pa.Array:
    """`op value` as it held for the row's language."""
    if not isinstance(condition.value, dict):
        return pa.array([_spelled(condition.op, condition.value)] * rows.num_rows, pa.string())
    default = condition.value.get("default")
    chosen = [condition.value.get(str(lang), default) for lang in rows.column("language").to_pylist()]
    return pa.array([_spelled(condition.op, value) for value in chosen], pa.string())


def _spelled(op: str, value: Any) -> str:
    if value is None:
        return op
    return f"{op} {', '.join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else value}"


def _count(counts: dict[tuple[str, str], list[int]], rows: pa.Table, payload: Any) -> None:
    for action, stage, reason, size in zip(
        *(rows.column(n).to_pylist() for n in ("action", "stage", "reason")), payload.tolist(), strict=True
    ):
        name = f"{stage}.{reason}" if action == "drop" else reason
        entry = counts.setdefault((action, name), [0, 0])
        entry[0] += 1
        entry[1] += size or 0
