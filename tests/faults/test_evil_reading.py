"""Readers that end their process on a record: only that record is lost, whatever the format can name, and the run goes on."""

import gzip
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import WinnowError
from pipeline.runs import Result, load_run, run
from pipeline.status import status
from pipeline.verify import verify
from tests.e2e.test_core import tree
from tests.faults import evil
from tests.faults.test_evil_stages import LIMITS, replay_measures_to_the_same_bytes
from tests.faults.test_supervisor import workers_of


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil.install(tmp_path / "plugin", monkeypatch)


def lines(*deeds: str, honest: int = 12) -> list[bytes]:
    """Rows of JSON, honest but for one of each deed in their middle."""
    texts = [f"honest {n}" for n in range(honest)]
    texts[honest // 2 : honest // 2] = [f"READ-EVIL {deed}" for deed in deeds]
    return [json.dumps({"id": text, "text": text}).encode() + b"\n" for text in texts]


def record(kind: str, number: int, text: str) -> bytes:
    """One gzip member with a WARC record of plain text."""
    body = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{text}".encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:{kind}:{number}>\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Target-URI: http://a.example/{number}\r\nContent-Type: application/http\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + body + b"\r\n\r\n", mtime=0)


def crawl(texts: list[str]) -> list[bytes]:
    """Each response behind its request, as crawlers write them."""
    return [record(kind, n, text if kind == "response" else "") for n, text in enumerate(texts) for kind in KINDS]


KINDS = ("request", "response")


def recipe(folder: Path, **sources: str) -> Path:
    listed = ", ".join(f"{name}: {{read: {{{read}}}}}" for name, read in sources.items())
    (folder / "recipe.yaml").write_text(
        f"name: evil\noutput: out\nsources: {{{listed}}}\nstages: [evil_reading, evil]\n"
    )
    return folder / "recipe.yaml"


def lost(result: Result) -> dict[str, list[tuple[Any, ...]]]:
    """source -> (reason, reader, offset, length) of what is in quarantine."""
    rows = load_run(result.output).ledger().filter(pl.col("action") == "quarantine").sort("file", "offset").collect()
    assert set(rows["stage"]) == {"worker"}
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows.to_dicts():
        told = tuple(row[name] for name in ("reason", "value_str", "offset", "length"))
        found.setdefault(row["source"], []).append(told)
    return found


def kept(result: Result, source: str) -> int:
    return load_run(result.output).pool().filter(pl.col("source") == source).collect().height


def test_a_reader_that_ends_its_process_costs_the_record_it_was_at(tmp_path: Path) -> None:
    """By line, by WARC record, by row group; where a file can't be cut, from the record on. Replayed byte for byte."""
    rows = lines("segfault", "raise")
    (tmp_path / "lines.jsonl").write_bytes(b"".join(rows))
    (tmp_path / "one.jsonl.gz").write_bytes(gzip.compress(b"".join(lines("abort")), mtime=0))
    members = crawl(["honest 1", "honest 2", "READ-EVIL leave", "honest 3", "READ-EVIL memory_error"])
    (tmp_path / "crawl.warc.gz").write_bytes(b"".join(members))
    table = pa.table({"text": [f"honest {n}" for n in range(9)] + ["READ-EVIL segfault"] + ["honest"] * 5})
    pq.write_table(table, tmp_path / "groups.parquet", row_group_size=5)
    result = run(
        recipe(
            tmp_path,
            lines="jsonl: lines.jsonl",
            whole="jsonl: one.jsonl.gz",
            crawl="warc: crawl.warc.gz",
            groups="parquet: groups.parquet",
        ),
        workers=2,
        limits=LIMITS,
    )
    before = len(b"".join(rows[:6]))
    at, last = (len(b"".join(members[:n])) for n in (5, 9))
    behind = len(b"".join(rows[:5])) + 1
    assert lost(result) == {
        "lines": [
            ("crashed", "read jsonl", before, len(rows[6])),
            ("stage_error", "read jsonl", before + len(rows[6]), len(rows[7])),
        ],
        "whole": [("crashed", "read jsonl", behind, None)],
        "crawl": [
            ("crashed", "read warc", at, len(members[5])),
            ("out_of_memory", "read warc", last, len(members[9])),
        ],
        "groups": [("crashed", "read parquet", 5, None)],
    }
    assert [kept(result, name) for name in ("lines", "whole", "crawl", "groups")] == [12, 6, 3, 10]
    assert result.manifest["recordings"] == {"crashed": 4, "out_of_memory": 1, "stage_error": 1}
    assert verify(result.output)["ok"]
    replay_measures_to_the_same_bytes(result, tmp_path / "recipe.yaml", tree(result.output))


@pytest.mark.slow
@pytest.mark.parametrize(("deed", "reason"), [("spin", "timeout"), ("sleep", "timeout"), ("leak", "out_of_memory")])
def test_budgets_hold_for_readers(tmp_path: Path, deed: str, reason: str) -> None:
    rows = lines(deed)
    (tmp_path / "lines.jsonl").write_bytes(b"".join(rows))
    result = run(recipe(tmp_path, lines="jsonl: lines.jsonl"), workers=1, limits=LIMITS)
    assert lost(result) == {"lines": [(reason, "read jsonl", len(b"".join(rows[:6])), len(rows[6]))]}


def test_a_stage_and_a_reader_may_both_be_met_in_one_unit(tmp_path: Path) -> None:
    """A verdict on a document, made before a stretch in front of it was lost, does not fall on its neighbour."""
    texts = ["EVIL segfault", "honest", "READ-EVIL abort", "honest", "EVIL raise", "EVIL abort", "honest"]
    rows = [json.dumps({"id": f"{n}", "text": text}) for n, text in enumerate(texts)]
    (tmp_path / "lines.jsonl").write_text("\n".join(rows))
    result = run(recipe(tmp_path, lines="jsonl: lines.jsonl"), workers=1, limits=LIMITS)
    told = load_run(result.output).ledger().sort("offset").collect()
    assert list(told["reason"]) == ["crashed", "crashed", "stage_error", "crashed"]
    keys = told["record_key"].to_list()
    assert (keys[0], *keys[2:]) == ("0", "4", "5")
    assert kept(result, "lines") == 3


def test_a_reader_that_fails_on_most_records_is_at_fault_itself(tmp_path: Path) -> None:
    (tmp_path / "lines.jsonl").write_bytes(b"".join(lines(*["segfault"] * 30, honest=2)))
    with pytest.raises(WinnowError, match="the reader 'jsonl' ends its process") as caught:
        run(recipe(tmp_path, lines="jsonl: lines.jsonl"), workers=1, limits=LIMITS)
    assert caught.value.exit_code == 1


def test_pages_are_compared_although_one_ends_the_process(tmp_path: Path) -> None:
    """`pages` reads the inputs once more; the record that no reader survives is lost once."""
    (tmp_path / "crawl.warc.gz").write_bytes(b"".join(crawl(["honest 1", "READ-EVIL leave", "honest 2"])))
    path = recipe(tmp_path, crawl="warc: crawl.warc.gz")
    path.write_text(path.read_text() + "dedupe: [pages]\n")
    result = run(path, workers=1, limits=LIMITS)
    assert kept(result, "crawl") == 2
    assert [row[0] for row in lost(result)["crawl"]] == ["crashed"]
    assert status(result.output)["recordings"] == {"crashed": 1}
    assert verify(result.output)["ok"]


def test_a_worker_that_is_killed_between_two_lost_records_forgets_none(tmp_path: Path) -> None:
    """What was recorded before goes on to count: the next worker reads past it, and finds the others."""
    (tmp_path / "lines.jsonl").write_bytes(b"".join(lines(*["abort"] * 6)))
    path = recipe(tmp_path, rows="jsonl: lines.jsonl")
    undisturbed = run(path, output=tmp_path / "undisturbed", workers=1, limits=LIMITS)
    assert undisturbed.manifest["recordings"] == {"crashed": 6}
    output, killed = tmp_path / "killed", []

    def kill_once_something_is_recorded() -> None:
        while not list((output / "state/recordings").glob("*.json")):
            time.sleep(0.01)
        for pid in workers_of(output):
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    thread = threading.Thread(target=kill_once_something_is_recorded)
    thread.start()
    disturbed = run(path, output=output, workers=1, limits=LIMITS)
    thread.join()
    assert killed
    assert tree(disturbed.output) == tree(undisturbed.output)
