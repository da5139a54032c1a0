"""Names and kinds of files that recipes do not expect: read, passed over, or named in a refusal; never a hang."""

import ctypes
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.inputs import discovered
from pipeline.recipe import Recipe
from pipeline.resolve import resolve
from pipeline.runs import load_run, run
from pipeline.stamps import Stamps
from pipeline.store import Store
from pipeline.verify import verify

ODD = (
    "new\nline.jsonl",
    " spa ce .jsonl",
    "a" * 249 + ".jsonl",
    "[x]?*.jsonl",
    "\u202eé\t\x1b[31m.jsonl",
    "%2e%2e.jsonl",
    "a..b.jsonl",
)
LINE = b'{"text": "a text"}\n'


def recipe(folder: Path, pattern: str = "in") -> Recipe:
    source = {"read": {"jsonl": pattern}, "pipeline": "none"}
    return Recipe.from_dict({"name": "names", "output": "out", "sources": {"s": source}}, folder=folder)


def found(folder: Path, pattern: str) -> list[str]:
    """The paths that a source of that pattern has, sorted."""
    store = Store(folder / "out")
    (source,) = resolve(recipe(folder, pattern)).sources
    return [one.piece.path for one in discovered(0, source, Stamps(store))]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ok.jsonl").write_bytes(LINE)
    return tmp_path / "in"


def test_any_name_that_is_text_is_kept_as_it_is(inputs):
    """Line breaks, blanks, wildcards, 255 bytes, marks that turn writing round: pool, ledger and manifest hold them."""
    for name in ODD:
        (inputs / name).write_bytes(LINE)
    result = run(recipe(inputs.parent), workers=1)
    files = load_run(result.output).pool().select("file").collect()["file"].to_list()
    assert sorted(files) == sorted([*ODD, "ok.jsonl"])
    assert verify(result.output)["ok"]
    assert not any(run(recipe(inputs.parent), workers=1).done.values())


@pytest.mark.parametrize("pattern", ["in", "in/*.jsonl"])
def test_a_name_that_is_no_utf8_is_refused_with_its_place(inputs, pattern):
    """Tables hold text: another spelling of the name could not be opened again."""
    with open(os.fsencode(inputs) + b"/caf\xe9.jsonl", "wb") as file:
        file.write(LINE)
    with pytest.raises(UsageError, match=r"in/caf\\xe9.jsonl: a file name that is not UTF-8"):
        found(inputs.parent, pattern)


@pytest.mark.parametrize("pattern", ["in", "in/*.jsonl", "in/**/*.jsonl"])
def test_what_is_no_file_is_passed_over(inputs, pattern):
    """Opening a pipe would wait for ever for somebody to write to it."""
    os.mkfifo(inputs / "pipe.jsonl")
    (inputs / "folder.jsonl").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(inputs / "s.jsonl"))
        assert found(inputs.parent, pattern) == ["ok.jsonl"]


def test_a_folder_named_like_a_file_is_looked_into(inputs):
    (inputs / "folder.jsonl").mkdir()
    (inputs / "folder.jsonl" / "inner.jsonl").write_bytes(LINE)
    assert found(inputs.parent, "in") == ["folder.jsonl/inner.jsonl", "ok.jsonl"]


@pytest.mark.parametrize("pattern", ["in", "in/**/*.jsonl"])
def test_links_in_a_circle_give_each_file_once(inputs, pattern):
    """`**` follows them forty times round."""
    (inputs / "sub").mkdir()
    (inputs / "sub" / "up").symlink_to("..")
    (inputs / "self").symlink_to(".")
    (inputs / "sub" / "b.jsonl").write_bytes(LINE)
    assert found(inputs.parent, pattern) == ["ok.jsonl", "sub/b.jsonl"]


@pytest.mark.parametrize("pattern", ["in", "in/*.jsonl"])
@pytest.mark.parametrize("target", ["gone", "bad.jsonl"])
def test_a_link_that_leads_nowhere_is_named(inputs, pattern, target):
    """A file that should be there is missing: passing it over would lose its documents without a word."""
    (inputs / "bad.jsonl").symlink_to(target)
    with pytest.raises(OSError, match=r"bad\.jsonl"):
        found(inputs.parent, pattern)


@pytest.mark.skipif(sys.platform != "linux", reason="drops Linux capabilities")
def test_a_file_that_may_not_be_read_ends_with_74_and_its_name(inputs):
    (inputs / "no.jsonl").write_bytes(LINE)
    (inputs / "no.jsonl").chmod(0)
    (inputs.parent / "r.yaml").write_text(
        "name: n\noutput: out\nsources: {s: {read: {jsonl: in}, pipeline: none}}\n", encoding="utf-8"
    )
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "run", "r.yaml"]
    path = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run(
        command,
        cwd=inputs.parent,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        preexec_fn=_as_anybody,
    )
    assert (told.returncode, told.stdout) == (74, "")
    assert "in/no.jsonl: Permission denied" in told.stderr and len(told.stderr.splitlines()) <= 3


def _as_anybody() -> None:
    """Root loses, with its next program, the right to read what its mode forbids (prctl(2), PR_CAPBSET_DROP)."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability)
