"""What the damaged and hostile sample files cost a whole worker in memory, beyond what it needs for a plain page."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.small_job import ROOT

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(3_600)]

MOST_MIB = 512
STAGES = "[url_rules, extract, clean_lines, language, rules]"
# The kernel keeps the highest resident size of all processes that were waited for, workers included.
PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_mib(warc: Path, folder: Path) -> float:
    """MiB of the largest process of a run over one file, by all page stages."""
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        f"name: nasty\nsources: {{w: {{read: {{warc: {json.dumps(str(warc))}}}, license: unknown}}}}\nstages: {STAGES}\n"
    )
    run = [sys.executable, "-m", "pipeline.cli", "run", str(recipe), "--output", str(folder / "out"), "--workers", "1"]
    told = subprocess.run([sys.executable, "-c", PEAK, *run], capture_output=True, text=True, cwd=ROOT, check=True)
    code, kilobytes = told.stdout.split()
    assert code == "0", told.stderr[-2000:]
    return int(kilobytes) / 1024


def plain_page(path: Path) -> Path:
    text = "The old captain repaired the narrow harbour bridge before the winter storm crossed the quiet valley. " * 9
    http = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body><article><p>{text}</p></article></body></html>"
    )
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:plain:1>\r\nWARC-Target-URI: http://plain.example/\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}"
    )
    path.write_bytes(gzip.compress(f"{head}\r\n\r\n{http}\r\n\r\n".encode(), mtime=0))
    return path


def test_no_sample_takes_a_worker_beyond_its_memory(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files, not the nasty ones alone."""
    (tmp_path / "plain").mkdir()
    least = peak_mib(plain_page(tmp_path / "p.warc.gz"), tmp_path / "plain")
    beyond = {}
    for number, path in enumerate(sorted((data_dir / "warc-samples" / "ugly-synthetic").glob("*.warc*"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        beyond[path.name] = round(peak_mib(path, folder) - least)
    with capsys.disabled():
        print(f"\nMiB beyond the {least:.0f} of a plain page: {json.dumps(beyond, indent=1)}")
    assert {name: mib for name, mib in beyond.items() if mib > MOST_MIB} == {}
