"""A stage that misbehaves where a document tells it to, as a package of somebody else's would bring it."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest

from filters.rule import Rule, rule
from stages.base import BatchFn, Context, Stage, columns


def spin_in_c() -> None:
    """Exponential backtracking: C code that holds the interpreter's lock."""
    re.match(r"(a|aa)+$", "a" * 200 + "b")


def spin_without_lock() -> None:
    """Machine code that has let go of the interpreter's lock."""
    import numba

    @numba.njit(nogil=True)
    def forever(n: int) -> int:
        while n != -1:
            n = (n * 3 + 1) & 0xFFFF
        return n

    forever(1)


def sleep() -> None:
    time.sleep(1_000)


def leak() -> None:
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 12)) * (1 << 11))


def too_big() -> None:
    raise MemoryError


def segfault() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(0)


def raise_an_error() -> None:
    raise ZeroDivisionError("not this one")


def leave_a_child() -> None:
    """A grandchild in the worker's place, which holds its pipes, and then the end."""
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)  # evil grandchild"], close_fds=False)
    os.abort()


DEEDS: dict[str, Callable[[], None]] = {
    "spin": spin_in_c,
    "spin_nogil": spin_without_lock,
    "sleep": sleep,
    "leak": leak,
    "memory_error": too_big,
    "segfault": segfault,
    "abort": os.abort,
    "leave": leave,
    "fpe": lambda: os.kill(os.getpid(), signal.SIGFPE),
    "raise": raise_an_error,
    "leave_a_child": leave_a_child,
}


class Evil(Stage):
    """Measures the length of texts; a text `EVIL <deed>` makes it do that deed. at_load: a deed for when it is opened."""

    name: ClassVar[str] = "evil"
    at_load: str = ""
    always: str = ""
    work_ms: int = 0  # honest CPU time per document
    flag: str = ""  # a file; as long as it is there, nothing evil happens

    @property
    def reads(self) -> pa.Schema:
        return columns(text=pa.string())

    @property
    def adds(self) -> pa.Schema:
        return columns(evil__length=pa.int64())

    def rules(self) -> tuple[Rule, ...]:
        """A gate that a recipe may change, so that the pass ends here."""
        return (rule(self.name, f"{self.name}__length", ">", 1_000_000, "long", threshold="max_length", gate=True),)

    def open(self, ctx: Context) -> BatchFn:
        if self.at_load:
            DEEDS[self.at_load]()

        def measure(batch: pa.RecordBatch) -> pa.RecordBatch:
            lengths = []
            for text in batch.column("text").to_pylist():
                ctx.counters["evil_seen"] += 1
                self._work()
                self._meet(text or "")
                lengths.append(len(text or ""))
            return pa.record_batch([pa.array(lengths, pa.int64())], schema=self.adds)

        return measure

    def _work(self) -> None:
        ends = time.process_time() + self.work_ms / 1000
        while time.process_time() < ends:
            pass

    def _meet(self, text: str) -> None:
        deed = self.always or (text.split()[1] if text.startswith("EVIL ") else "")
        if deed and not (self.flag and Path(self.flag).exists()):
            DEEDS[deed]()


class EvilToo(Evil):
    """The same in a later pass."""

    name: ClassVar[str] = "evil_too"

    @property
    def adds(self) -> pa.Schema:
        return columns(evil_too__length=pa.int64())


ENTRY_POINTS = """[winnow.stages]
evil = tests.faults.evil:Evil
evil_too = tests.faults.evil:EvilToo
evil_reading = tests.faults.evil_reading:EvilReading
"""


def write(folder: Path) -> None:
    """As pip would have installed it."""
    info = folder / "evil-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, and found by this process and those it starts."""
    write(folder)
    monkeypatch.syspath_prepend(str(folder))
