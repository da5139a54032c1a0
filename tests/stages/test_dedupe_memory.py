"""Groups of any size are verified in bounded memory; the pieces that make it so are held against the plain way."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dedup.lsh
import stages.dedupe_pairs
import stages.dedupe_spill
from dedup.lsh import band_hashes, candidate_pairs
from stages.dedupe import barriers
from stages.dedupe_pairs import SpilledPairs
from tests.dedup import reference
from tests.stages.barrier_driver import by_id, documents, run

ROOT = Path(__file__).parents[2]

# One component: every candidate is proposed with its next neighbours; `width` shingles each, nine in ten shared with the next.
ONE_GROUP = """
import resource, sys, tempfile
from pathlib import Path
import numpy as np, pyarrow as pa
from stages.base import Context
from stages.dedupe_minhash import MinHashVerify, SHINGLE_ROWS

count, width, near, unit = int(sys.argv[1]), int(sys.argv[2]), 8, 2000

def piece(begin):
    rows = np.arange(begin, min(begin + unit, count))
    sets = rows[:, None] * (width // 10) + np.arange(width)
    partners = [[int(r + d) for d in range(1, near + 1) if r + d < count] for r in rows]
    return pa.table({
        "partition": pa.array(np.zeros(len(rows), np.uint64)), "handle": pa.array(rows),
        "partners": pa.array(partners, pa.large_list(pa.int64())),
        "shingles": pa.LargeListArray.from_arrays(pa.array(np.arange(len(rows) + 1) * width), pa.array(sets.astype(np.uint64).ravel())),
        "id": pa.array([f"{r:09d}" for r in rows]), "quality_score": pa.nulls(len(rows), pa.float32()),
        "date": pa.nulls(len(rows), pa.timestamp("us", "UTC")), "n_chars": pa.array(np.full(len(rows), 10)),
    }, schema=SHINGLE_ROWS)

def verify(count):
    ctx = Context(scratch=Path(tempfile.gettempdir()))
    (told,) = MinHashVerify().reduce_in_pieces(ctx, (piece(b) for b in range(0, count, unit)))
    assert told.num_rows == count and told["removed"].to_numpy().sum() == count - 1
    assert told["similarity"].drop_null().to_numpy().min() >= 0.8
    return ctx

whole, count = count, unit
verify(count)  # compile first: the compiler's memory is not the barrier's
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = whole
ctx = verify(count)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, ctx.counters["minhash.pairs_compared"])
"""


def grown(count: int, width: int, folder: Path) -> tuple[int, int]:
    """(MB that the process grew by, pairs compared) while one group was verified."""
    command = [sys.executable, "-c", ONE_GROUP, str(count), str(width)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"TMPDIR": str(folder), "HOME": str(Path.home())},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    megabytes, pairs = done.stdout.split()
    return int(megabytes), int(pairs)


def test_a_group_larger_than_the_memory_it_is_given_is_verified(tmp_path):
    """40,000 linked documents with 320 MB of shingles, which in memory at once would be more than all that is allowed."""
    megabytes, pairs = grown(40_000, 1000, tmp_path)
    assert pairs == 8 * 40_000 - 36
    assert megabytes < 200


@pytest.mark.slow
def test_a_group_of_two_hundred_thousand_is_verified(tmp_path):
    """1.6 GB of shingles."""
    megabytes, _ = grown(200_000, 1000, tmp_path)
    assert megabytes < 400


def test_small_chunks_give_the_same_verdicts(tmp_path, monkeypatch):
    """Every seam between chunks, ranges and pieces: pairs that cross one must not be lost or doubled."""
    rng = np.random.default_rng(2)
    base = [f"w{k}" for k in range(70)]
    texts = [" ".join([*base, *(f"x{v}" for v in rng.integers(0, 4, 8))]) for _ in range(300)]
    table = documents(texts)
    expected = by_id(run(barriers("minhash", {}), table, tmp_path))
    monkeypatch.setattr(dedup.lsh, "PIECE", 50)
    monkeypatch.setattr(stages.dedupe_spill, "CHUNK_BYTES", 3000)
    monkeypatch.setattr(stages.dedupe_pairs, "RANGE_PAIRS", 40)
    monkeypatch.setattr(stages.dedupe_pairs, "READ_ROWS", 17)
    found = by_id(run(barriers("minhash", {}), table, tmp_path, units=3, partitions=3))
    assert found.equals(expected)
    assert 0 < found["removed"].to_numpy(zero_copy_only=False).sum() < 300


@pytest.mark.parametrize("limit", [4, 256])
def test_pieces_of_buckets_are_the_buckets_pairs(limit, monkeypatch):
    """Memory must not decide who is compared with whom."""
    signatures = np.random.default_rng(4).integers(0, 3, (400, 8), dtype=np.uint32)
    bands, ids = band_hashes(signatures, 2, 4), np.arange(400, dtype=np.uint64)
    expected = candidate_pairs(bands, ids, limit)
    monkeypatch.setattr(dedup.lsh, "PIECE", 7)
    for found, wanted in zip(candidate_pairs(bands, ids, limit), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("per_range", [1, 5, 1 << 22])
def test_pairs_of_several_files_come_together_by_handle(per_range, tmp_path, monkeypatch):
    """Each once, with the component of all of them, in ranges of any size."""
    monkeypatch.setattr(stages.dedupe_pairs, "RANGE_PAIRS", per_range)
    rng = np.random.default_rng(per_range)
    pairs, paths = set(), []
    for number in range(4):
        drawn = np.sort(rng.choice(90, (20, 2)), axis=1) * 1_000_003
        drawn = drawn[drawn[:, 0] < drawn[:, 1]]
        pairs |= set(map(tuple, drawn.tolist()))
        paths.append(tmp_path / f"{number}.parquet")
        pq.write_table(pa.table({"a": drawn[:, 0], "b": drawn[:, 1]}), paths[-1], row_group_size=7)
    with SpilledPairs(paths, tmp_path) as spilled:
        told = list(spilled.by_handle())
    assert [tuple(p) for _, _, a, b in told for p in zip(a.tolist(), b.tolist(), strict=True)] == sorted(pairs)
    handles = np.concatenate([h for h, _, _, _ in told]).tolist()
    assert handles == sorted({one for pair in pairs for one in pair})
    place = {handle: k for k, handle in enumerate(handles)}
    smallest = reference.clusters(len(handles), [(place[a], place[b]) for a, b in pairs])
    assert np.concatenate([c for _, c, _, _ in told]).tolist() == [handles[k] for k in smallest]
    assert not list(tmp_path.glob("tmp*"))
