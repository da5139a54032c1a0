"""Contests: several sides do the same work in turn, round by round, each in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
OURS, PEERS = "tests.benchmarks.ours", "tests.benchmarks.peers"
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "ARROW_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Side:
    """One way of doing the work. `task`: a function of `ours` or `peers` that prepares it from `arguments`."""

    label: str
    task: str
    arguments: dict[str, Any] = field(default_factory=dict)
    peer: bool = False
    apart: bool = True  # a peer that lives in the peers' environment, not in ours


@dataclass(frozen=True)
class Contest:
    """`amount` of `unit` is what every side works through in a round. targets: (ours, peer) -> least ratio."""

    name: str
    title: str
    amount: float
    unit: str
    sides: tuple[Side, ...]
    targets: dict[tuple[str, str], float] = field(default_factory=dict)
    rounds: int = 3


@dataclass(frozen=True)
class Outcome:
    """CPU seconds of every round by side; peak memory in bytes of the side's process and of its largest child."""

    contest: Contest
    cpu: dict[str, list[float]]
    peak: dict[str, int]
    worker: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        return {"cpu": self.cpu, "peak": self.peak, "worker": self.worker, "amount": self.contest.amount}

    def ratios(self, ours: str, peer: str) -> list[float]:
        """How many times the peer's CPU is ours, round by round."""
        return [theirs / mine for mine, theirs in zip(self.cpu[ours], self.cpu[peer], strict=True)]

    def rate(self, side: str) -> float:
        """Units per CPU second."""
        return self.contest.amount / median(self.cpu[side])

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Every side of ours with every peer."""
        sides = self.contest.sides
        return ((a.label, b.label) for a in sides if not a.peer for b in sides if b.peer)


def hold(contest: Contest) -> Outcome:
    """Run the rounds; the sides take turns, so that what else the machine does falls on all of them."""
    cpu: dict[str, list[float]] = {side.label: [] for side in contest.sides}
    peak, worker = dict.fromkeys(cpu, 0), dict.fromkeys(cpu, 0)
    with ExitStack() as stack:
        running = {side.label: stack.enter_context(_process(side)) for side in contest.sides}
        for _ in range(contest.rounds):
            for label, process in running.items():
                told = _ask(process)
                cpu[label].append(told["cpu"])
                peak[label], worker[label] = max(peak[label], told["peak"]), max(worker[label], told["worker"])
    return Outcome(contest, cpu, peak, worker)


def remembered(contest: Contest, told: dict[str, Any]) -> Outcome:
    """What an earlier run has measured of the contest, over the amount it had then."""
    sides = tuple(side for side in contest.sides if side.label in told["cpu"])
    contest = replace(contest, amount=told["amount"], sides=sides)
    return Outcome(contest, told["cpu"], told["peak"], told["worker"])


def rounds_of(side: Side, rounds: int) -> tuple[list[float], int]:
    """One side alone: CPU seconds of every round, and the bytes its largest child took."""
    with _process(side) as process:
        told = [_ask(process) for _ in range(rounds)]
    return [one["cpu"] for one in told], max(one["worker"] for one in told)


def usable(sides: Sequence[Side]) -> tuple[Side, ...]:
    """Without the peers' environment only ours and the peers that live in it."""
    return tuple(side for side in sides if not (side.peer and side.apart) or PEERS_PYTHON.exists())


@contextmanager
def _process(side: Side) -> Iterator["subprocess.Popen[str]"]:
    python = str(PEERS_PYTHON) if side.peer and side.apart else sys.executable
    module = PEERS if side.peer else OURS
    command = [python, "-m", "tests.benchmarks.side", module, side.task, json.dumps(side.arguments)]
    environment = os.environ | _ONE_THREAD | {"TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True, cwd=ROOT
        )
        try:
            _answer(process)
            yield process
        except EOFError:
            log.seek(0)
            raise RuntimeError(f"{side.label}, {side.task}:\n{log.read()[-2000:]}") from None
        finally:
            process.kill()
            process.wait()


def _ask(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return _answer(process)


def _answer(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise EOFError
    return dict(json.loads(line))
