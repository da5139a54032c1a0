"""New documents against an earlier corpus: it never changes, and what is new is judged as in one run of both."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.base import Slice
from stages.dedupe import barriers
from stages.dedupe_earlier import earlier_batches
from stages.dedupe_keepers import EARLIER
from tests.stages.barrier_driver import by_id, documents, removed, run

ONE = {"bands": 60, "rows": 4, "prefer": ["quality_score", "id"]}


def texts(count: int, seed: int) -> list[str]:
    """Windows of a few long lines: neighbours resemble each other, so chains and bridges are many."""
    rng = np.random.default_rng(seed)
    lines = [[f"l{line}w{k}" for k in range(400)] for line in range(4)]
    starts = rng.integers(0, 28, count) * 10
    return [" ".join(lines[rng.integers(4)][s : s + 120]) for s in starts]


def corpus(name: str, found: list[str], score: float) -> pa.Table:
    return documents(found, [f"{name}{k:03d}" for k in range(len(found))], quality_score=[score] * len(found))


def survivors(table: pa.Table, folder) -> pa.Table:
    gone = removed(run(barriers("minhash", ONE), table, folder))
    return table.filter(pa.array([one not in gone for one in table["id"].to_pylist()]))


@pytest.mark.parametrize("seed", range(6))
def test_new_documents_fare_as_in_one_run_of_both_and_bridges_are_counted(seed, tmp_path):
    """The one difference: documents of the earlier corpus that only a new one links stay, all of them."""
    old = survivors(corpus("a", texts(14, seed), 1.0), tmp_path)
    new = corpus("b", texts(25, 100 + seed), 0.0)
    counters: Counter[str] = Counter()
    apart = removed(run(barriers("minhash", ONE), new, tmp_path, earlier=old, units=2, counters=counters))
    together = removed(run(barriers("minhash", ONE), pa.concat_tables([old, new]), tmp_path))
    assert apart == {one for one in together if one.startswith("b")}
    assert counters["minhash.bridges"] == sum(one.startswith("a") for one in together)
    assert apart


def test_earlier_documents_are_keepers_whatever_prefer_says_and_no_verdict_speaks_of_them(tmp_path):
    """Even where the new copy is better, longer and newer: what is published stays as it is."""
    base = texts(1, 1)[0]
    old, new = corpus("a", [base], 0.1), corpus("b", [base, base + " more"], 0.9)
    for name in ("exact", "minhash"):
        told = run(barriers(name, {}), new, tmp_path, earlier=old).to_pylist()
        assert {row["keeper_id"] for row in told} == {"a000"}
        assert {row["id"] for row in told if row["removed"]} == ({"b000"} if name == "exact" else {"b000", "b001"})
        assert all(row["id"].startswith("b") for row in told)


@pytest.mark.parametrize(("link", "keeper"), [("component", "a001"), ("direct", "a000")])
def test_of_a_bridge_both_banks_stay(link, keeper, tmp_path):
    """`via` leads to the earlier document that is most like it; with direct links keepers take their own in order."""
    line = [f"w{k}" for k in range(200)]
    old = corpus("a", [" ".join(line[:110]), " ".join(line[16:126])], 1.0)
    new = corpus("b", [" ".join(line[10:118])], 0.0)
    config = {"bands": 60, "rows": 4, "link": link}
    counters: Counter[str] = Counter()
    told = run(barriers("minhash", config), new, tmp_path, earlier=old, counters=counters).to_pylist()
    assert [(row["id"], row["keeper_id"], row["via_id"]) for row in told] == [("b000", keeper, keeper)]
    assert counters["minhash.bridges"] == 1


def test_earlier_documents_are_not_compared_among_themselves(tmp_path):
    """The cost of an update is that of what is new: two hundred old copies beside one new page are no pair of work."""
    old = corpus("a", [f"{texts(1, 1)[0]} {k}" for k in range(200)], 1.0)
    counters: Counter[str] = Counter()
    new = corpus("b", [" ".join(f"other{k}" for k in range(90))], 0.0)
    assert run(barriers("minhash", {}), new, tmp_path, earlier=old, counters=counters).num_rows == 0
    assert counters["minhash.pairs_compared"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_no_split_or_order_of_either_corpus_changes_a_verdict(seed, tmp_path):
    """Slices of the earlier corpus come in any number, too."""
    old, new = survivors(corpus("a", texts(20, 1), 1.0), tmp_path), corpus("b", texts(30, 2), 0.0)
    expected = by_id(run(barriers("minhash", ONE), new, tmp_path, earlier=old))
    shape = {"units": 1 + seed, "batch": [1, 3, 100][seed], "partitions": [1, 3, 7][seed]}
    assert by_id(run(barriers("minhash", ONE), new, tmp_path, seed=seed, earlier=old, **shape)).equals(expected)


def test_scope_holds_between_corpora_too(tmp_path):
    """A copy in another dump stays where the scope is the dump."""
    one = texts(1, 1)
    old = documents(one, ["a0"], dump=["d1"])
    new = documents(one * 2, ["b0", "b1"], dump=["d1", "d2"])
    for name in ("exact", "minhash"):
        assert removed(run(barriers(name, {"scope": "dump"}), new, tmp_path, earlier=old)) == {"b0"}


def test_any_parquet_with_texts_is_a_corpus(tmp_path):
    """Numbers as ids, ids that are missing, no other column: each row has a name and a handle of its own."""
    path = tmp_path / "old.parquet"
    pq.write_table(pa.table({"text": ["x", None, "z"], "id": pa.array([7, None, 9])}), path, row_group_size=2)
    piece = Slice("earlier", "earlier", None, "old.parquet", str(path), 0, path.stat().st_size, path.stat().st_size)
    rows = pa.Table.from_batches(earlier_batches(piece, 3)).to_pylist()
    assert [r["id"] for r in rows[::2]] == ["7", "9"]
    assert len(rows[1]["id"]) == 32
    assert [r["handle"] for r in rows] == [EARLIER + (3 << 32) + k for k in range(3)]
    assert rows[0]["quality_score"] is None
