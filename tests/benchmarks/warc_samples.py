"""warcio, fastwarc and Winnow on the same damaged and odd files, as a Markdown table: `python -m tests.benchmarks.warc_samples FOLDER`.

Counted are captures (response, resource, revisit, conversion), and in files whose bodies are known the bodies that came out right, of those
that can be had.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.stages.warc_making import rows_of

CAPTURES = ("response", "resource", "revisit", "conversion")
MOST = 64 << 20  # bytes of a body that are looked at
Found = Iterator[tuple[str, str, bytes]]  # type, record id, decoded body


def by_warcio(path: Path) -> Found:
    from warcio.archiveiterator import ArchiveIterator

    with open(path, "rb") as file:
        for one in ArchiveIterator(file, arc2warc=True):
            body = one.content_stream().read(MOST)
            yield one.rec_type or "", one.rec_headers.get_header("WARC-Record-ID") or "", body


def by_fastwarc(path: Path) -> Found:
    from fastwarc.warc import ArchiveIterator

    with open(path, "rb") as file:
        for one in ArchiveIterator(file, auto_decode="all"):
            yield one.headers.get("WARC-Type") or "", one.record_id or "", one.reader.read(MOST)


def told(read: Callable[[Path], Found], path: Path, known: dict[str, str]) -> str:
    """`captures`, the right bodies where they are known, the error it ended with."""
    captures, right, why = 0, 0, ""
    try:
        for kind, ident, body in read(path):
            captures += kind.lower() in CAPTURES
            right += known.get(ident) == hashlib.sha1(body).hexdigest()
    except Exception as error:  # whatever a peer ends with is the result
        why = f", {type(error).__name__}"
    return f"{captures}{f' ({right} right)' if known else ''}{why}"


def ours(path: Path, known: dict[str, str]) -> str:
    rows = rows_of(path)
    right = sum(
        known.get(r["record_key"]) == hashlib.sha1(r["html"]).hexdigest() for r in rows if r["html"] is not None
    )
    lost = Counter(row["read__error"] for row in rows if row["read__error"])
    sound = len(rows) - sum(lost.values())
    reasons = "".join(f", {count} `{reason}`" for reason, count in sorted(lost.items()))
    return f"{sound}{f' ({right} right)' if known else ''}{reasons}"


def main(folder: Path) -> None:
    listed = json.loads((folder / "ugly-synthetic" / "expected.json").read_text())
    bodies = {
        f"ugly-synthetic/{one['file']}": {
            r["record_id"]: r["body_sha1"] for r in one["records"] if r.get("recoverable") and r.get("body_sha1")
        }
        for one in listed
    }
    names = [json.loads(line)["file"] for line in (folder / "index.jsonl").read_text().splitlines()]
    print("| file | recoverable bodies | warcio | fastwarc | Winnow |\n|---|---|---|---|---|")
    for name in sorted({*bodies, *names}):
        path, known = folder / name, bodies.get(name, {})
        if path.exists():
            cells = (
                str(len(known) or ""),
                told(by_warcio, path, known),
                told(by_fastwarc, path, known),
                ours(path, known),
            )
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
