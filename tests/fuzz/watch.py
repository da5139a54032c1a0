"""A child that tries inputs and a parent that watches it: neither a hang nor a crash in C goes unseen or ends the work."""

import multiprocessing
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS

CRASHERS = Path(__file__).parent / "crashers"
CPU_SECONDS = 20  # of one input; the slowest honest one takes 2
STUCK = 120.0  # seconds without a new input, after which a child that does not even take signals is killed


class TooSlow(BaseException):
    """An input took more than its CPU time. No Exception, so that nothing on the way swallows it."""


def _give_up(signum: int, frame: FrameType | None) -> NoReturn:
    raise TooSlow(f"more than {CPU_SECONDS} CPU seconds")


@dataclass
class Found:
    """What a run over one layer came to."""

    inputs: int = 0
    seconds: float = 0.0
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


def _child(
    layer: str, seed: int, first: int, stop: int, at: "Synchronized[int]", failed: "Synchronized[int]", folder: Path
) -> None:
    """Try inputs first .. stop - 1; `at` always holds the number of the one being tried, `failed` how many did."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    signal.signal(signal.SIGPROF, _give_up)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    target, seen = TARGETS[layer], Counter[str]()
    check, seeds = target.make(), target.seeds()
    for number in range(first, stop):
        at.value = number
        data = mutated(seed, number, seeds, target.words)
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            check(data)
        except BaseException as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            failed.value += 1
            keep(layer, data, _way(error), seen, folder)
    signal.setitimer(signal.ITIMER_PROF, 0)
    at.value = stop


def _way(error: BaseException) -> str:
    """Where it failed, then as what; the deepest place of ours names the way."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "site-packages" not in f.filename and "/lib/python" not in f.filename]
    last = (ours or frames)[-1]
    return f"{Path(last.filename).name} line {last.lineno} {type(error).__name__}: {str(error)[:300]}"


def fuzz(layer: str, seed: int, first: int, count: int, deadline: float | None, folder: Path = CRASHERS) -> Found:
    """Try `count` inputs from number `first` on, until the deadline (monotonic seconds) where there is one."""
    context, found = multiprocessing.get_context("spawn"), Found()
    number, started = first, time.monotonic()
    while number < first + count and (deadline is None or time.monotonic() < deadline):
        at, failed = context.Value("q", number), context.Value("q", 0)
        child = context.Process(target=_child, args=(layer, seed, number, first + count, at, failed, folder))
        child.start()
        died = _watch(child, at, deadline)
        number = at.value
        if died:
            target = TARGETS[layer]
            keep(layer, mutated(seed, number, target.seeds(), target.words), died, found.failures, folder)
            number += 1
        elif child.exitcode and child.exitcode > 0:
            raise RuntimeError(f"{layer}: its check could not be made")
        found.failures["told by the child"] += failed.value
    found.inputs, found.seconds = number - first, time.monotonic() - started
    return found


def _watch(child: "multiprocessing.process.BaseProcess", at: "Synchronized[int]", deadline: float | None) -> str:
    """Wait for the child's end; why it died on the input it was at, or nothing."""
    last, since = -1, time.monotonic()
    while child.is_alive():
        child.join(1.0)
        now = time.monotonic()
        if at.value != last:
            last, since = at.value, now
        if now - since > STUCK:
            child.kill()
            child.join()
            return f"hang {last}: {STUCK} s without an answer"
        if deadline is not None and now > deadline:
            child.kill()
            child.join()
            return ""
    code = child.exitcode or 0
    return f"killed by signal {-code}: a crash in C code" if code < 0 else ""
