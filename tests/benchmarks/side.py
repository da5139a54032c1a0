"""One side of a contest: a process that prepares a task, runs it whenever it is told to, and says what that took.

Both environments run this file, so it imports nothing but the standard library.
"""

import importlib
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEAST_CPU = 0.3  # seconds of one measurement: a quick task is repeated until it takes that long
_LOOK = 0.1  # seconds between two looks at the children's memory


@dataclass(frozen=True)
class Task:
    """A round is `each` of the `items`, which are made afresh for every round, unmeasured."""

    each: Callable[[Any], object]
    items: Callable[[], Sequence[Any]]
    warm: bool = True  # begin with one item unmeasured, for what is loaded or compiled late


def main() -> None:
    """`argv`: module, function that makes the task, its arguments as JSON. Every line on stdin asks for a round."""
    module, function, arguments = sys.argv[1:4]
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes to the log
    task: Task = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    repeats = _repeats(task) if task.warm else 1
    memory = Memory()
    print(json.dumps({"ready": repeats}), file=channel)
    for _ in sys.stdin:
        print(
            json.dumps({"cpu": _cpu_of_round(task, repeats), "peak": memory.own(), "worker": memory.children}),
            file=channel,
        )


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _repeats(task: Task) -> int:
    """How many passes fill LEAST_CPU, judging by the second time the first item is worked on."""
    items = task.items()
    task.each(items[0])
    return int(LEAST_CPU / max(_cpu_of(task.each, items[:1]) * len(items), 1e-3)) + 1


def _cpu_of_round(task: Task, repeats: int) -> float:
    return sum(_cpu_of(task.each, task.items()) for _ in range(repeats)) / repeats


def _cpu_of(each: Callable[[Any], object], items: Sequence[Any]) -> float:
    began = cpu_seconds()
    for item in items:
        each(item)
    return cpu_seconds() - began


class Memory:
    """Peak memory in bytes of this process, and of the largest of its descendants while they live."""

    def __init__(self) -> None:
        self.children = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def own(self) -> int:
        return _high_water(os.getpid())

    def _watch(self) -> None:
        while True:
            self.children = max([self.children, *map(_high_water, _descendants(os.getpid()))])
            time.sleep(_LOOK)


def _descendants(pid: int) -> list[int]:
    try:
        direct = [int(p) for f in Path(f"/proc/{pid}/task").glob("*/children") for p in f.read_text().split()]
    except OSError:
        return []
    return direct + [far for near in direct for far in _descendants(near)]


def _high_water(pid: int) -> int:
    """The kernel's mark; 0 for a process that is gone. (ru_maxrss of a fresh process is its parent's.)"""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) << 10 if lines else 0


if __name__ == "__main__":
    main()
