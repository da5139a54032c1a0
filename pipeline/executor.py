"""The local executor: units on worker processes under one supervisor, which notices how each of them ends.

A worker that dies of a signal from outside (SIGKILL, SIGTERM) proves nothing against its unit: the unit is tried again,
often. A worker that dies by its own doing (a crash, a budget overrun) puts its unit under suspicion; a unit that measures
documents is then worked on one document at a time, see pipeline/nurse.py. Why so: docs/explanation/reliability.md.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import Incomplete, UsageError, WinnowError
from pipeline.processes import Answer, Pool, Worker
from pipeline.recordings import Recordings
from pipeline.store import LOGS, SCRATCH, Store
from pipeline.unit import Unit
from pipeline.watch import OUTSIDE_ATTEMPTS, Limits, kernel_kills, own_doing, told_status

ATTEMPTS = 3  # own deaths of one unit before the run gives up
WARY_UNITS = 8  # units handled with care from the start after one that was not clean

GUARDED = ("measure", "scout")  # kinds of unit that read inputs or run stages over documents
SAMPLES = f"{LOGS}/quarantined"

Commit = Callable[[Unit, dict[str, Any], str], None]  # unit, what was produced, scratch directory
Report = Callable[[int, int, int], None]


@dataclass
class Task:
    """A unit on its way: how often its worker died, by itself and by others."""

    unit: Unit
    careful: bool = False
    reading: bool = False
    own_deaths: int = 0
    outside_deaths: int = 0


@dataclass
class LocalExecutor:
    """Runs the units of a step on `workers` processes; processes live on from step to step."""

    store: Store
    workers: int
    report: Report = lambda documents, size, kept: None
    limits: Limits = field(default_factory=Limits)
    _attempts: int = 0
    _kernel_kills: int = field(default_factory=kernel_kills)

    def __post_init__(self) -> None:
        self._pool = Pool(self.store, self.workers, self.limits)
        self._room = self.workers
        self._wary = 0
        self._tasks: dict[int, Task] = {}  # by the worker's number
        self._recordings = Recordings(self.store)

    def run(self, units: Sequence[Unit], commit: Commit) -> None:
        """Work on all units in any order; `commit` is called once for each. Raises on the first unit that can't be done."""
        waiting = deque(Task(unit) for unit in units)
        while waiting or self._pool.busy:
            while waiting and len(self._pool.busy) < self._room:
                self._start(waiting.popleft())
            for worker, answers in self._pool.hear():
                task = self._tasks[worker.number]
                if answers is None:
                    self._mourn(task, worker)
                    waiting.append(task)
                for answer in answers or ():
                    self._take(task, worker, answer, commit)
            self._look()

    def _start(self, task: Task) -> None:
        self._attempts += 1
        scratch = f"{SCRATCH}/{os.getpid()}-{self._attempts}"
        self.store.mkdir(scratch)
        if task.unit.kind in GUARDED and self._wary:
            task.careful, self._wary = True, self._wary - 1
        self._tasks[self._pool.give(task.unit, scratch, task.careful, task.reading)] = task

    def _look(self) -> None:
        """End the workers that are beyond their budgets; their closed pipes tell of it in the next round."""
        for worker in self._pool.busy:
            if worker.phase and (why := worker.watch.look()):
                worker.ended_for = why
                worker.process.kill()

    def _take(self, task: Task, worker: Worker, answer: Answer, commit: Commit) -> None:
        if "at" in answer:
            worker.phase = answer["at"]
            worker.watch.progressed(loading=worker.phase.startswith("load"))
        elif "progress" in answer:
            worker.watch.progressed()
            self.report(*answer["progress"])
        elif "recorded" in answer:
            worker.watch.progressed()
            self._record(task, worker.scratch, answer)
        else:
            self._pool.release(worker)
            if "failed" in answer:
                raise _failure(task.unit, answer, worker.number)
            commit(*_finished(task, answer["done"]), worker.scratch)
            self.store.remove(worker.scratch)

    def _record(self, task: Task, scratch: str, answer: Answer) -> None:
        """A verdict on one document, for good; its page, where there is one, is kept for whoever wants to know why."""
        self._wary = WARY_UNITS
        if "sample" in answer:
            self.store.publish(f"{scratch}/{answer['sample']}", f"{SAMPLES}/{answer['sample']}")
        self._recordings.add(task.unit, answer["recorded"])
        task.unit = self._recordings.replayed(task.unit)

    def _mourn(self, task: Task, worker: Worker) -> None:
        """Decide what a worker's death says about its unit. Raises once the unit has had its share of attempts."""
        status = self._pool.bury(worker)
        self.store.remove(worker.scratch)
        how = worker.ended_for or told_status(status)
        log = f"{self.store.root}/state/logs/worker-{worker.number:03d}.log"
        if not worker.ended_for and not own_doing(status):
            task.outside_deaths += 1
            self._make_room()
        else:
            task.own_deaths += 1
            task.careful, self._wary = task.unit.kind in GUARDED, WARY_UNITS
            task.reading = task.reading or worker.phase == "read"
        if worker.phase.startswith("load") and task.own_deaths >= ATTEMPTS:
            raise UsageError(f"{worker.phase.removeprefix('load ')} ends its worker while it loads ({how})\nsee {log}")
        if task.own_deaths >= ATTEMPTS or task.outside_deaths >= OUTSIDE_ATTEMPTS:
            tries = task.own_deaths + task.outside_deaths
            raise Incomplete(
                f"{task.unit.step}: unit {task.unit.ordinal} lost its worker {tries} times (the last one: {how})\n"
                f"see {log}, then run again to resume"
            )

    def _make_room(self) -> None:
        """Where the kernel itself had to end processes for want of memory, fewer workers run side by side."""
        kills = kernel_kills()
        if kills > self._kernel_kills:
            self._room = max(1, self._room - 1)
        self._kernel_kills = kills

    def close(self) -> None:
        """End every worker now; what they were working on is simply not committed."""
        self._pool.close()


def _finished(task: Task, done: dict[str, Any]) -> tuple[Unit, dict[str, Any]]:
    """The unit with all that was recorded while it was worked on, and its files under that key."""
    given, final = done.pop("key"), task.unit.key
    files = [f | {"path": f["path"].replace(given, final)} for f in done["files"]]
    return task.unit, done | {"files": files}


def _failure(unit: Unit, answer: dict[str, Any], number: int) -> WinnowError:
    error = WinnowError(answer["failed"])
    error.exit_code = answer["exit_code"]
    if error.exit_code == 1:
        error.args = (f"{unit.step}: unit {unit.ordinal}: {answer['failed']}\nsee state/logs/worker-{number:03d}.log",)
    return error
