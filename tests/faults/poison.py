"""What pages that end their worker cost a run: CPU seconds of the same run with and without them, in turns.

    python -m tests.faults.poison --warc crawl.warc.gz --deeds raise,segfault --pairs 3

Every hundredth page (`--share 0.01`) does one of the deeds of tests/faults/evil.py; the rest are the pages of the WARC.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.faults import evil

ROOT = Path(__file__).resolve().parents[2]
PROSE = "The old captain repaired the narrow harbour bridge before the winter storm crossed the quiet valley. " * 5
STAGES = "[url_rules, {{extract: {{engine: {engine}}}}}, evil, clean_lines, language, rules]"
_STEP = 1 << 14


def members(path: Path) -> Iterator[bytes]:
    """The gzip members of a file, one a record."""
    data = memoryview(path.read_bytes())
    at = 0
    while at < len(data):
        inflate, end = zlib.decompressobj(31), at
        while not inflate.eof and end < len(data):
            inflate.decompress(data[end : end + _STEP])
            end += _STEP
        end = min(end, len(data)) - len(inflate.unused_data)
        yield bytes(data[at:end])
        at = end


def poison(number: int, deed: str) -> bytes:
    """A record whose page does a deed once its text is measured."""
    body = f"<html><body><article><p>EVIL {deed} {number} {PROSE}</p></article></body></html>".encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:poison:{number}>\r\n"
        f"WARC-Target-URI: http://poison.example/{number}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n", mtime=0)


def corpora(folder: Path, warc: Path, deeds: list[str], share: float, most: int) -> int:
    """`clean.warc.gz` and `poisoned.warc.gz`; how many records the second has more."""
    records = list(members(warc))[: most or None]
    (folder / "clean.warc.gz").write_bytes(b"".join(records))
    every, added = round(1 / share), 0
    with open(folder / "poisoned.warc.gz", "wb") as file:
        for number, record in enumerate(records):
            if number % every == every - 1:
                file.write(poison(added, deeds[added % len(deeds)]))
                added += 1
            file.write(record)
    return added


def run(folder: Path, name: str, engine: str, options: list[str]) -> tuple[float, dict[str, int]]:
    """CPU seconds of `winnow run` and all its processes, and the documents in quarantine by reason."""
    recipe = folder / f"{name}.yaml"
    recipe.write_text(
        f"name: {name}\nsources: {{crawl: {{read: {{warc: {name}.warc.gz}}, license: unknown}}}}\nstages: {STAGES.format(engine=engine)}\n"
    )
    output = Path(tempfile.mkdtemp(dir=folder))
    path = os.pathsep.join([str(folder / "plugin"), str(ROOT), *sys.path])
    line = [sys.executable, "-m", "pipeline.cli", "run", str(recipe), "--output", str(output / "out"), *options]
    with open(folder / f"{name}.log", "ab") as log:
        process = subprocess.Popen(line, env=os.environ | {"PYTHONPATH": path}, stdout=log, stderr=log, cwd=ROOT)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}, see {folder / f'{name}.log'}")
    balance = json.loads((output / "out/pool/manifest.json").read_text())["balance"]["documents"]
    return used.ru_utime + used.ru_stime, balance.get("quarantined", {})


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--warc", type=Path, required=True, help="pages, one gzip member a record")
    given.add_argument("--deeds", default="raise,segfault,spin,leak")
    given.add_argument("--share", type=float, default=0.01)
    given.add_argument("--records", type=int, default=0, help="of the WARC; 0 = all")
    given.add_argument("--engine", default="fast", help="of extract")
    given.add_argument("--pairs", type=int, default=3)
    given.add_argument("options", nargs="*", help="more for `winnow run`, after --")
    told = given.parse_args()
    options = told.options or ["--workers", "1"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evil.write(folder / "plugin")
        added = corpora(folder, told.warc, told.deeds.split(","), told.share, told.records)
        print(f"{added} poison pages: {told.deeds}; engine {told.engine}; {' '.join(options)}")
        run(folder, "clean", told.engine, options)  # kernels compile once
        ratios = []
        for _ in range(told.pairs):
            (clean, _), (poisoned, reasons) = (
                run(folder, "clean", told.engine, options),
                run(folder, "poisoned", told.engine, options),
            )
            ratios.append(poisoned / clean)
            print(f"{clean:.1f} s clean, {poisoned:.1f} s poisoned: {poisoned / clean - 1:+.1%}  {reasons}", flush=True)
        print(f"median {statistics.median(ratios) - 1:+.1%}")


if __name__ == "__main__":
    main()
