"""A child that tries inputs and a parent that watches it: neither a hang nor a crash in C goes unseen or ends the work.

What an input may take is counted in CPU seconds and in sleep, as a run counts it: a loaded machine makes no hang.
"""

import multiprocessing
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from math import inf
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipeline.watch import Limits, Watch
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS

CRASHERS = Path(__file__).parent / "crashers"
CPU_SECONDS = 20.0  # of one input; the slowest honest one takes 2
STUCK = Limits(cpu_seconds=3 * CPU_SECONDS, idle_seconds=600)  # after which a child that takes no signals is killed
MEMORY = 2 << 30  # bytes of the child, its models and compiled code included


class TooSlow(BaseException):
    """An input took more than its CPU time. No Exception, so that nothing on the way swallows it."""


def _give_up(signum: int, frame: FrameType | None) -> NoReturn:
    raise TooSlow(f"more than {CPU_SECONDS} CPU seconds")


class Tally:
    """What a child tells its parent while it works: the input it is at, how many failed, the slowest, in CPU seconds."""

    def __init__(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.at: Synchronized[int] = context.Value("q", number)
        self.failed: Synchronized[int] = context.Value("q", 0)
        self.slowest: Synchronized[float] = context.Value("d", 0.0)
        self.slowest_at: Synchronized[int] = context.Value("q", number)

    def took(self, number: int, seconds: float) -> None:
        if seconds > self.slowest.value:
            self.slowest.value, self.slowest_at.value = seconds, number


@dataclass
class Found:
    """What a run over one layer came to. slowest: CPU seconds and number of the slowest input."""

    inputs: int = 0
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return self.inputs / self.seconds if self.seconds else 0.0


def keep(layer: str, data: bytes, why: str, seen: Counter[str], folder: Path = CRASHERS) -> None:
    """One input for each way of failing, named by the way; what follows the colon is for a reader."""
    import hashlib

    way = why.split(":", 1)[0]
    seen[way] += 1
    if seen[way] == 1:
        target = folder / layer
        target.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha1(data).hexdigest()[:16]
        (target / name).write_bytes(data)
        print(f"{layer}: {why}\n  kept as {target / name} ({len(data)} bytes)", file=sys.stderr, flush=True)


def _child(layer: str, seed: int, first: int, stop: int, tally: Tally, folder: Path) -> None:
    """Try inputs first .. stop - 1."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    signal.signal(signal.SIGPROF, _give_up)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    target, seen = TARGETS[layer], Counter[str]()
    check, seeds = target.make(), target.seeds()
    check(seeds[0])  # kernels compile once
    for number in range(first, stop):
        tally.at.value = number
        data = mutated(seed, number, seeds, target.words)
        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            check(data)
        except BaseException as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            tally.failed.value += 1
            keep(layer, data, _way(error), seen, folder)
        tally.took(number, time.process_time() - started)
    signal.setitimer(signal.ITIMER_PROF, 0)
    tally.at.value = stop


def _way(error: BaseException) -> str:
    """Where it failed, then as what; the deepest place of ours names the way."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "site-packages" not in f.filename and "/lib/python" not in f.filename]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name} line {last.lineno} {type(error).__name__}: {str(error)[:300]}"


def fuzz(layer: str, seed: int, first: int, count: int, turn: float = inf, folder: Path = CRASHERS) -> Found:
    """Try `count` inputs from number `first` on, for at most about `turn` seconds, without what loading takes."""
    context, found = multiprocessing.get_context("spawn"), Found()
    number = first
    while number < first + count and found.seconds < turn:
        tally = Tally(number)
        child = context.Process(target=_child, args=(layer, seed, number, first + count, tally, folder))
        child.start()
        died, seconds = _watch(child, tally, turn - found.seconds)
        found.seconds += seconds
        number = tally.at.value
        if died:
            target = TARGETS[layer]
            keep(layer, mutated(seed, number, target.seeds(), target.words), died, found.failures, folder)
            number += 1
        elif child.exitcode and child.exitcode > 0:
            raise RuntimeError(f"{layer}: its check could not be made")
        found.failures["told by the child"] += tally.failed.value
        found.slowest = max(found.slowest, (tally.slowest.value, tally.slowest_at.value))
    found.inputs = number - first
    return found


def _watch(child: BaseProcess, tally: Tally, turn: float) -> tuple[str, float]:
    """Wait for the child's end: why it died on the input it was at, or nothing, and the seconds since its first one."""
    assert child.pid is not None
    watch, last, started = Watch(child.pid, STUCK, MEMORY), tally.at.value, inf
    while child.is_alive():
        child.join(0.25)
        now = time.monotonic()
        if tally.at.value != last:
            last, started = tally.at.value, min(started, now)
            watch.progressed()
        why = watch.look()
        if why or now - started > turn:
            child.kill()
            child.join()
            return why and f"{why} {last}: ended from outside", max(0.0, now - started)
    code = child.exitcode or 0
    seconds = max(0.0, time.monotonic() - started)
    return f"killed by signal {-code}: a crash in C code" if code < 0 else "", seconds
