"""LSH and union over synthetic signatures, by how many there are: `python -m tests.benchmarks.lsh_growth [SIZE...]`.

Every tenth signature is an earlier one with a twentieth of its values changed, so there is something to find. Each size has a
process of its own. CPU seconds are those of hashing bands, pairing within buckets and joining pairs; making the signatures is not in
them. Memory is the high-water mark of the process, imports included. At the end the slope of log(CPU) over log(signatures).
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.growth import slope_of

BANDS, ROWS = 14, 8
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
_CHUNK = 250_000
_ROUNDS_BELOW = 200_000  # smaller sizes are done several times over: the clock is coarse


def synthetic(rng: np.random.Generator, count: int) -> "np.ndarray":
    """(count, BANDS * ROWS) uint32."""
    made = rng.integers(0, 1 << 32, (count, BANDS * ROWS), np.uint32)
    copies = np.arange(10, count, 10)
    made[copies] = made[copies - rng.integers(1, 10, len(copies))]
    other = rng.random((len(copies), BANDS * ROWS)) < 0.05
    made[copies] = np.where(other, rng.integers(0, 1 << 32, other.shape, np.uint32), made[copies])
    return made


def run(count: int) -> tuple[float, int, int]:
    """CPU seconds, pairs, documents that are in a component with another."""
    from dedup.clusters import Components
    from dedup.lsh import Bands, band_hashes, bucket_pairs_in_pieces, unique_pairs

    rng, spent, pairs = np.random.default_rng(7), 0.0, 0
    ids = rng.permutation(count).astype(np.uint64)
    all_of = Bands(np.empty((BANDS, count), np.uint64), np.empty((BANDS, count), np.uint64), np.empty(count, np.uint64))
    for begin in range(0, count, _CHUNK):
        made = synthetic(rng, min(_CHUNK, count - begin))
        began = time.process_time()
        some = band_hashes(made, BANDS, ROWS)
        here = slice(begin, begin + len(made))
        all_of.keys[:, here], all_of.near[:, here], all_of.whole[here] = some.keys, some.near, some.whole
        spent += time.process_time() - began
    began = time.process_time()
    groups = Components(count)
    for keys, near in zip(all_of.keys, all_of.near, strict=True):
        for a, b in bucket_pairs_in_pieces(keys, near, all_of.whole, ids, least=256 // BANDS):
            a, b = unique_pairs(a, b)
            pairs += len(a)
            groups.link(a, b)
    alone = groups.smallest() == np.arange(count)
    return spent + time.process_time() - began, pairs, int(count - alone.sum())


def measured(count: int) -> None:
    """In a process of its own: prints what one size costs."""
    run(1_000)  # compiles, or loads
    rounds = max(1, _ROUNDS_BELOW // count)
    results = [run(count) for _ in range(rounds)]
    cpu = float(np.median([r[0] for r in results]))
    told = {"cpu": cpu, "pairs": results[0][1], "linked": results[0][2]}
    print(json.dumps(told | {"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--one", action="store_true", help="measure a single size in this process")
    told = parser.parse_args()
    if told.one:
        measured(told.sizes[0])
    else:
        compare(told.sizes)


def compare(sizes: Sequence[int]) -> None:
    found = {}
    for count in sizes:
        line = [sys.executable, "-m", "tests.benchmarks.lsh_growth", str(count), "--one"]
        one = json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
        found[count] = one["cpu"]
        print(
            f"{count:>10,} signatures: {one['cpu']:7.2f} s, {one['cpu'] / count * 1e6:.2f} us each, {one['mib']:,} MiB;"
            f" {one['pairs']:,} pairs, {one['linked']:,} linked",
            flush=True,
        )
    if len(found) > 1:
        print(f"slope {slope_of(found):.3f}")


if __name__ == "__main__":
    main()
