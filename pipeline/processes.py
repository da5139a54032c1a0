"""Worker processes as the supervisor holds them: started in a group of their own, heard, watched, ended with all they started."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, cast

from pipeline.store import Store
from pipeline.unit import Unit
from pipeline.watch import TICK_SECONDS, Limits, Watch

# One thread per worker: the machine's cores are shared out by processes.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "ARROW_NUM_THREADS"), "1"
)
Answer = dict[str, Any]


@dataclass
class Worker:
    """One process and the unit it works on. `ended_for`: why the supervisor ended it, empty if it did not."""

    number: int
    process: "subprocess.Popen[bytes]"
    watch: Watch
    unit: Unit | None = None
    scratch: str = ""
    heard: bytes = b""
    phase: str = ""
    ended_for: str = ""
    units_done: int = 0
    held_at_first: int = 0
    pristine: bool = True

    @property
    def stdout(self) -> IO[bytes]:
        return cast(IO[bytes], self.process.stdout)

    def give(self, unit: Unit, scratch: str, **how: Any) -> None:
        """Hand it a unit. If it died while it was idle, its end of the pipe tells."""
        self.unit, self.scratch, self.heard, self.phase, self.ended_for = unit, scratch, b"", "", ""
        self.watch.progressed()
        line = json.dumps({"unit": unit.as_json(), "scratch": scratch, **how}) + "\n"
        with contextlib.suppress(BrokenPipeError):
            stdin = cast(IO[bytes], self.process.stdin)
            stdin.write(line.encode())
            stdin.flush()

    def hear(self) -> list[Answer] | None:
        """Whole lines that have arrived; None once the process has closed its end."""
        data = os.read(self.stdout.fileno(), 1 << 16)
        if not data:
            return None
        *lines, self.heard = (self.heard + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self, why: str = "") -> int:
        """Kill the process and whatever it has started; its exit status."""
        self.ended_for = why
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                cast(IO[bytes], pipe).close()
        return status

    def is_worn(self, limits: Limits) -> bool:
        """Whether it has done its share, or holds much more memory than after its first unit."""
        self.watch.look()
        held = self.watch.last.memory_bytes
        self.held_at_first = self.held_at_first or held
        self.units_done += 1
        return self.units_done >= limits.units_per_worker or held > self.held_at_first + limits.growth_bytes


@dataclass
class Pool:
    """The worker processes of one run: at most `size` busy, idle ones kept for the next unit."""

    store: Store
    size: int
    limits: Limits
    busy: list[Worker] = field(default_factory=list)
    _idle: list[Worker] = field(default_factory=list)
    _started: int = 0
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def give(self, unit: Unit, scratch: str, careful: bool, reading: bool = False) -> int:
        """A unit to an idle or new worker, whose number is returned; a careful one to a worker that has touched no document.

        reading: its reader is under suspicion too.
        """
        worker = self._taken(careful) or self._spawn()
        worker.pristine = worker.pristine and careful
        how = {"careful": self._budgets() | {"reading": reading}} if careful else {}
        self.busy.append(worker)
        self._selector.register(worker.stdout, selectors.EVENT_READ, worker)
        worker.give(unit, scratch, **how)
        return worker.number

    def _taken(self, careful: bool) -> Worker | None:
        fitting = [w for w in self._idle if w.pristine or not careful]
        if not fitting:
            return None
        worker = min(fitting, key=lambda w: w.pristine)
        self._idle.remove(worker)
        return worker

    def _budgets(self) -> dict[str, Any]:
        limits = self.limits
        memory = limits.memory(self.size)
        return {"cpu_seconds": limits.cpu_seconds, "idle_seconds": limits.idle_seconds, "memory": memory}

    def _spawn(self) -> Worker:
        self._started += 1
        environment = os.environ | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(p or os.getcwd() for p in sys.path)}
        with open(self.store.log_path(f"worker-{self._started:03d}.log"), "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.worker", str(self.store.root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                process_group=0,
            )
        return Worker(self._started, process, Watch(process.pid, self.limits, self.limits.memory(self.size)))

    def hear(self) -> Iterator[tuple[Worker, list[Answer] | None]]:
        """What busy workers say within a tick; None for one that is gone."""
        spoken = {key.data.number: key.data for key, _ in self._selector.select(TICK_SECONDS)}
        for worker in spoken.values():
            yield worker, worker.hear()
        for worker in [w for w in self.busy if w.number not in spoken]:
            if worker.process.poll() is not None:  # a process it has started may still hold its pipe
                yield worker, None

    def release(self, worker: Worker) -> None:
        """Its unit is done. A worn worker is not used again."""
        self._leave(worker)
        worker.unit = None
        if worker.is_worn(self.limits):
            worker.end()
        else:
            self._idle.append(worker)

    def bury(self, worker: Worker) -> int:
        """A worker that is gone, with all it may have left running; its exit status."""
        self._leave(worker)
        status = worker.process.wait()
        worker.end(worker.ended_for)
        return status

    def _leave(self, worker: Worker) -> None:
        self._selector.unregister(worker.stdout)
        self.busy.remove(worker)

    def close(self) -> None:
        """End every worker now; what they were working on is simply not committed."""
        for worker in [*self._idle, *self.busy]:
            worker.end()
        self._idle, self.busy = [], []
        self._selector.close()
        self._selector = selectors.DefaultSelector()
