"""Our WARC reader beside plain fastwarc with our decoding: `python -m tests.benchmarks.warc_speed FILE... [--rounds N]`.

Both read the same file in turn, in one process, and give every record to the same code (HTTP, bodies, rows, batches). CPU seconds,
the median of the ratios of neighbouring rounds; above 1 ours is faster.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from stages.base import Context, Slice
from stages.read_input import Input
from stages.read_rows import Identity, Row, batches
from stages.warc import MAX_BYTES, Archive
from stages.warc_pages import row_of
from stages.warc_records import Record


def by_fastwarc(path: Path) -> Iterator[Record]:
    """Records of the kinds that can be pages; those of other kinds are not even built."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.revisit | WarcRecordType.resource | WarcRecordType.conversion
    with open(path, "rb") as file:
        for one in ArchiveIterator(file, record_types=kinds, auto_decode="none", parse_http=False):
            data = one.reader.read()
            fields = {name.lower().encode(): value.encode() for name, value in one.headers}
            yield Record(fields, data, 0, len(data), one.stream_pos, 0, len(data), len(data))


def by_us(path: Path) -> Iterator[Record]:
    with Input(str(path)) as source:
        yield from Archive(source).records(0, source.size, MAX_BYTES)


def taken(path: Path, ours: bool, whole: bool) -> tuple[float, int]:
    """(CPU seconds, rows) of a file, to rows or, if `whole`, to Arrow batches."""
    size = path.stat().st_size
    piece = Slice("web", "web", None, path.name, str(path), 0, size, size)
    identity, started = Identity(piece), time.process_time()
    found = (row_of(record, identity, MAX_BYTES) for record in (by_us if ours else by_fastwarc)(path))
    rows: Iterator[Row] = (row for row in found if row is not None)
    count = sum(batch.num_rows for batch in batches(rows, Context(), piece)) if whole else sum(1 for _ in rows)
    return time.process_time() - started, count


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("files", nargs="+", type=Path)
    ask.add_argument("--rounds", type=int, default=7)
    given = ask.parse_args()
    for whole in (False, True):
        for path in given.files:
            theirs, ours = [], []
            taken(path, True, whole), taken(path, False, whole)
            for _ in range(given.rounds):
                a, b = taken(path, False, whole), taken(path, True, whole)
                assert a[1] == b[1], "other rows"
                theirs.append(a[0])
                ours.append(b[0])
            speed = median(a / b for a, b in zip(theirs, ours, strict=True))
            print(
                f"{path.name:36} to {'batches' if whole else 'rows':8} fastwarc {median(theirs):.3f} s  ours {median(ours):.3f} s"
                f"  speed {100 * speed:.0f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
