"""Progress: what is told, how often, and that it never stops a run."""

import io
from collections import Counter
from pathlib import Path

import pytest

from pipeline.progress import LINE_SECONDS, Progress, duration, size
from pipeline.recipe import Recipe
from pipeline.runs import Quiet, run


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_there_is_one_line_every_thirty_seconds() -> None:
    """A log of a night's run stays readable."""
    clock, out = Clock(), io.StringIO()
    progress = Progress(out, clock)
    progress.step("measure 1", 100, 10, bytes_total=1_000_000)
    for _ in range(50):
        clock.now += 1
        progress.advance(20, 10_000, 10)
        progress.unit_done()
    lines = out.getvalue().splitlines()
    assert len(lines) == 50 // LINE_SECONDS
    assert lines[0] == "measure 1: 39/100 units, 600 documents (20/s), 300 kB (10.0 kB/s), 50 % kept, 70 s left"


def test_the_time_left_goes_by_units_where_bytes_are_unknown() -> None:
    """Reused units took no time and predict nothing."""
    clock, out = Clock(), io.StringIO()
    progress = Progress(out, clock)
    progress.step("pool", 30, 20)
    for _ in range(4):
        clock.now += 10
        progress.unit_done()
    assert out.getvalue().splitlines() == ["pool: 22/30 units, 120 s left"] or "left" in out.getvalue()
    assert out.getvalue().startswith("pool: 22/30 units") or out.getvalue().startswith("pool: 23/30 units")


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [False, True])
def test_a_closed_stderr_does_not_stop_the_run(terminal: bool) -> None:
    """`winnow run 2>&1 | head` must still finish."""
    clock = Clock()
    out = type("Both", (Closed, Terminal), {})() if terminal else Closed()
    progress = Progress(out, clock)
    progress.step("measure 1", 2, 0)
    clock.now += 60
    progress.advance(1, 1, 1)
    progress.unit_done()
    progress.close()


def test_on_a_terminal_every_step_has_its_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished steps stay on the screen above the one at work."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    out = Terminal()
    progress = Progress(out, Clock())
    for name in ("measure 1", "judge 1"):
        progress.step(name, 3, 0)
        progress.advance(1234, 5_000_000, 0)
        for _ in range(3):
            progress.unit_done()
    progress.close()
    progress.close()
    assert "measure 1" in out.getvalue() and "judge 1" in out.getvalue()
    assert "3/3" in out.getvalue() and "1,234 documents" in out.getvalue()


def test_numbers_carry_their_units() -> None:
    """Every number a user sees has one."""
    assert [size(n) for n in (0, 999, 1_500, 250_000_000, 3.2e12)] == ["0 B", "999 B", "1.5 kB", "250 MB", "3.2 TB"]
    assert [duration(n) for n in (3, 89, 600, 11_100)] == ["3 s", "89 s", "10 min", "3 h 05 min"]


def test_units_of_one_document_are_counted_too(tmp_path: Path) -> None:
    """A worker tells of its progress now and then; what is left when a unit ends must not be forgotten."""
    for name in "abcdef":
        (tmp_path / f"{name}.jsonl").write_text('{"text": "one"}\n{"text": "two"}\n')
    recipe = {"name": "tiny", "sources": {"rows": {"read": {"jsonl": f"{tmp_path}/*.jsonl"}}}, "stages": []}
    heard = Heard()
    run(Recipe.from_dict(recipe), tmp_path / "out", workers=1, progress=heard)
    assert heard.documents["measure 1"] == 12


class Heard(Quiet):
    """Remembers how many documents each step told of."""

    def __init__(self) -> None:
        self.documents: Counter[str] = Counter()
        self._name = ""

    def step(self, name: str, units_total: int, units_done: int) -> None:
        self._name = name

    def advance(self, documents: int, bytes: int, kept: int) -> None:
        self.documents[self._name] += documents
