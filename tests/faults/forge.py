"""Many short runs, each in a process of its own to be killed: forked from one that has everything imported and nothing begun.

`python -m tests.faults.forge RECIPE WORKERS` reads outputs, one a line, and answers with the pid of the run, which waits in its
own process group for SIGUSR1, and later with its exit code (negative: the signal that ended it). With 0 workers all is done
in that process, else it is `winnow run` with that many worker processes.
"""

import importlib
import os
import pkgutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = (
    "stages.crawling",
    "stages.datatrove",
    "pipeline.demo",
    "pipeline.cli",
    "pipeline.datatrove",
    "pipeline.worker",
)


def serve(recipe: str, workers: str) -> None:
    _import_all()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_run(recipe, line.strip(), workers))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _import_all() -> None:
    """What a run would import on its way, so that the time of a run is the run. Imports alone start no pool of threads."""
    for room in ("filters", "dedup", "stages", "pipeline"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if not module.name.startswith(LEFT_OUT):
                importlib.import_module(module.name)
    from stages.registry import stage_class
    from stages.url_parts import parse

    importlib.import_module("polars")
    stage_class("extract")
    parse("https://www.example.co.uk/")


def _run(recipe: str, output: str, workers: str) -> int:
    os.setsid()
    sys.stdin = open(os.devnull)  # noqa: SIM115
    os.dup2(2, 1)
    signal.sigwait({signal.SIGUSR1})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    return commanded(recipe, output, workers) if workers != "0" else ending(recipe, output)


def commanded(recipe: str, output: str, workers: str) -> int:
    """The command line, from where the interpreter has started on."""
    from pipeline.cli import invoke, listen

    listen()
    return invoke(["run", recipe, "--output", output, "--workers", workers])


def ending(recipe: str, output: str) -> int:
    """The job, with the exit code the command line would give."""
    from pipeline.errors import WinnowError
    from pipeline.inline import InlineExecutor
    from pipeline.recipe import Recipe
    from pipeline.runs import run_with
    from pipeline.store import Store

    try:
        run_with(InlineExecutor(Store(output)), Recipe.from_yaml(recipe))
    except WinnowError as error:
        print(f"winnow: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    except OSError as error:
        print(f"winnow: {error.filename or 'storage'}: {error.strerror or error}", file=sys.stderr, flush=True)
        return 74
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


class Forge:
    """The serving process, from the test's side."""

    def __init__(self, recipe: Path, log: Path, workers: int = 0) -> None:
        self.log = log
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # inherited: a signal before sigwait is kept
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.forge", str(recipe), str(workers)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def _line(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def begin(self, output: Path) -> int:
        """A run that waits to be let go; its pid, which is that of its group too."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{output}\n".encode())
        self.process.stdin.flush()
        return self._line()

    def end(self) -> int:
        return self._line()

    def whole(self, output: Path) -> tuple[int, float]:
        """A run left alone: exit code and seconds."""
        pid = self.begin(output)
        began = time.monotonic()
        os.kill(pid, signal.SIGUSR1)
        return self.end(), time.monotonic() - began

    def killed(self, output: Path, after: float) -> int:
        """A run whose whole group gets SIGKILL after so many seconds; its exit code."""
        return self.struck(output, after, lambda pid: os.killpg(pid, signal.SIGKILL))[0]

    def struck(self, output: Path, after: float, strike: Callable[[int], None]) -> tuple[int, float]:
        """A run to which something is done after so many seconds; its exit code, and the seconds it took to end then."""
        pid = self.begin(output)
        os.kill(pid, signal.SIGUSR1)
        time.sleep(after)
        began = time.monotonic()
        with suppress(ProcessLookupError):  # it was over
            strike(pid)
        return self.end(), time.monotonic() - began


if __name__ == "__main__":
    serve(*sys.argv[1:])
