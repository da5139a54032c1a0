"""Budgets of a process, read from outside: CPU and sleep without progress, and memory. Not covered: its own children.

Every budget is counted in what the process used, never in the time that passed: a loaded machine, a stopped process
(SIGSTOP, a suspended laptop) and a slow disk use nothing up.
"""

import ctypes
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

CRASHED, TIMEOUT, OUT_OF_MEMORY = "crashed", "timeout", "out_of_memory"
TICK_SECONDS = 0.25
NO_MEMORY = 71  # exit status of a process that could not have the memory it asked for
OUTSIDE_ATTEMPTS = 200  # deaths of one unit by signals from outside before the run gives up
LEAST_MEMORY = 2 << 30  # a worker holds its models and one batch: 0.3 to 0.7 GB with the stages of the package
_ASLEEP = 0.02  # share of a core below which a sleeping process does nothing
_LOADING_FACTOR = 10  # models load and kernels compile once: 90 s of CPU with a cold numba cache
# What a process does to itself. Any other signal came from outside.
_OWN_SIGNALS = {
    getattr(signal, name)
    for name in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS", "SIGTRAP")
    if hasattr(signal, name)
}


@dataclass(frozen=True)
class Limits:
    """What a worker may use; settings of a site, in no recipe and no key.

    cpu_seconds: CPU without progress; the slowest page within the caps of `extract` takes 2 s.
    idle_seconds: asleep without progress. memory_bytes: of one worker, None = its share of four fifths of the machine.
    units_per_worker: after so many a worker is replaced. growth_bytes: or when it holds so much more than after its first.
    """

    cpu_seconds: float = 120.0
    idle_seconds: float = 600.0
    memory_bytes: float | None = None
    units_per_worker: int = 200
    growth_bytes: int = 1 << 30

    def memory(self, workers: int) -> int:
        if self.memory_bytes is not None:
            return int(self.memory_bytes)
        return max(LEAST_MEMORY, machine_memory() * 4 // 5 // max(workers, 1))


@dataclass(frozen=True)
class Usage:
    """cpu_seconds of all threads; memory_bytes that can't be dropped (no mapped files); state as in `ps`: R, S, D, T, Z."""

    cpu_seconds: float
    memory_bytes: int
    state: str


def usage(pid: int) -> Usage | None:
    """What a process has used so far; None once it is gone."""
    try:
        return _from_proc(Path(f"/proc/{pid}")) if Path("/proc/self/stat").exists() else _from_ps(pid)
    except (OSError, ValueError, IndexError):
        return None


def _from_proc(folder: Path) -> Usage:
    fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    status = dict(line.split(":", 1) for line in (folder / "status").read_text(errors="replace").splitlines())
    held = sum(int(status.get(name, "0").split()[0]) for name in ("RssAnon", "RssShmem"))
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), held << 10, fields[0])


def _from_ps(pid: int) -> Usage:
    told = subprocess.run(["ps", "-o", "time=,rss=,state=", "-p", str(pid)], capture_output=True, text=True)
    time, rss, state = told.stdout.split()[:3]
    days, _, clock = time.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return Usage(seconds + 86_400 * int(days or 0), int(rss) << 10, state[0])


@dataclass
class Watch:
    """One process against its limits. `progressed` starts the budgets of CPU and sleep anew.

    share: of these budgets that it has; less than 1 where its end is no verdict.
    """

    pid: int
    limits: Limits
    memory: int
    loading: bool = True
    share: float = 1.0
    last: Usage = field(default_factory=lambda: Usage(0.0, 0, "R"))
    _cpu_then: float = 0.0
    _idle: float = 0.0
    _looked: float = field(default_factory=monotonic)

    def progressed(self, loading: bool = False) -> None:
        self.loading = loading
        self._cpu_then, self._idle = self.last.cpu_seconds, 0.0

    def look(self) -> str:
        """The reason to end the process now; empty as long as there is none."""
        now = usage(self.pid)
        if now is None:
            return ""
        passed, self._looked = monotonic() - self._looked, monotonic()
        used, self.last = now.cpu_seconds - self.last.cpu_seconds, now
        if now.state == "S" and used < _ASLEEP * passed:
            self._idle += min(passed, 2 * TICK_SECONDS)  # the watcher itself may have been stopped
        factor = _LOADING_FACTOR if self.loading else self.share
        used_up = now.cpu_seconds - self._cpu_then > factor * self.limits.cpu_seconds
        if used_up or self._idle > self.share * self.limits.idle_seconds:
            return TIMEOUT
        return OUT_OF_MEMORY if now.memory_bytes > self.memory else ""


def own_doing(status: int) -> bool:
    """Whether a process that ended with this status (as `Popen.returncode`) did it itself, so that its input is suspect.

    A SIGKILL or SIGTERM was sent by somebody: an operator, a scheduler, the kernel that ran out of memory.
    """
    return status >= 0 or -status in _OWN_SIGNALS


def die_with_parent() -> None:
    """Linux sends this process SIGKILL when its parent is gone, so that no orphan works on."""
    pr_set_pdeathsig = 1
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    except (OSError, AttributeError):
        return  # not Linux
    if os.getppid() != parent:
        os._exit(1)


def told_status(status: int) -> str:
    """`SIGSEGV`, `exit status 3`."""
    try:
        return f"exit status {status}" if status >= 0 else signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def kernel_kills() -> int:
    """How often the kernel ended a process for want of memory since it started; 0 where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def machine_memory() -> int:
    """Bytes of memory this process may count on: the machine's, or its control group's if that is less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            whole = min(whole, int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return whole
