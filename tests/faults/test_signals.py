"""Signals to `winnow run` with real workers: it ends in order and in seconds, leaves no process behind, and goes on.

`make test` stops a run three times, `make faults` leads WINNOW_LIVES of them (50): a stop and a death at random moments each.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.verify import verify
from tests.faults.forge import Forge
from tests.faults.small_job import ROOT, Job, differences, tree, undisturbed, write_light_job
from tests.faults.test_supervisor import below, gone

LIVES = int(os.environ.get("WINNOW_LIVES", "50"))
FIRST_LIFE = int(os.environ.get("WINNOW_FIRST_LIFE", "0"))


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The oracle was made without workers."""
    return undisturbed(write_light_job(tmp_path_factory.mktemp("light")))


@pytest.fixture(scope="module")
def forge(light: Job, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    with Forge(light.recipe, tmp_path_factory.mktemp("forge") / "log", workers=2) as forge:
        yield forge


@pytest.fixture(scope="module")
def seconds(forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a run takes that nothing happens to."""
    code, seconds = forge.whole(tmp_path_factory.mktemp("whole") / "out")
    assert code == 0, forge.log.read_text()
    return seconds


def to_supervisor(sent: signal.Signals) -> Callable[[int], None]:
    """As Ctrl-C and `kill` do: workers have a group of their own."""
    return lambda pid: os.kill(pid, sent)


def to_all(sent: signal.Signals) -> Callable[[int], None]:
    """As a service manager does, and the end of a machine."""

    def send(root: int) -> None:
        for pid in (root, *below(root)):
            try:
                os.kill(pid, sent)
            except ProcessLookupError:
                continue

    return send


def finish_and_compare(light: Job, forge: Forge, output: Path, point: str) -> None:
    """No process of the disturbed run is left; the run after it gives the undisturbed bytes, so nobody is incriminated."""
    assert gone(output), point
    code, _ = forge.whole(output)
    assert code == 0, f"{point}: {forge.log.read_text()[-2000:]}"
    assert not differences(tree(output), light.files), point
    assert verify(output)["ok"], point


def again_and_again(sent: signal.Signals) -> Callable[[int], None]:
    """An impatient user; a second signal ends the command at once."""

    def send(pid: int) -> None:
        for _ in range(50):
            os.kill(pid, sent)

    return send


def test_a_stopped_run_ends_in_order_and_goes_on(light: Job, forge: Forge, seconds: float, tmp_path: Path) -> None:
    """A service manager ends workers and supervisor at once, a terminal is lost, Ctrl-C is pressed: on one output."""
    chance, output = random.Random(1), tmp_path / "out"
    strikes = (to_all(signal.SIGTERM), to_supervisor(signal.SIGHUP), again_and_again(signal.SIGINT))
    for code, strike in zip((143, 129, 130), strikes, strict=True):
        ended, _ = forge.struck(output, chance.uniform(0.2, 0.7) * seconds, strike)
        assert ended in (code, 0), forge.log.read_text()[-2000:]
    finish_and_compare(light, forge, output, "three stops")


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_many_lives_of_real_workers(
    light: Job, forge: Forge, seconds: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is stopped once (SIGTERM, to the supervisor or to all), then all its processes die, or the supervisor alone."""
    ends: Counter[str] = Counter()
    longest = 0.0
    for life in range(FIRST_LIFE, FIRST_LIFE + LIVES):
        chance, output = random.Random(life), tmp_path / f"life-{life}"
        stop, kill = chance.choice((to_all, to_supervisor)), chance.choice((to_all, to_all, to_supervisor))
        code, took = forge.struck(output, chance.uniform(0, seconds), stop(signal.SIGTERM))
        assert code in (143, -signal.SIGTERM, 0), (
            f"life {life}: {forge.log.read_text()[-2000:]}"
        )  # a shell says 143 for both
        longest = max(longest, took if code else 0)
        ends["stopped" if code else "over before the stop"] += 1
        assert gone(output), f"life {life}"
        code, _ = forge.struck(output, chance.uniform(0, seconds), kill(signal.SIGKILL))
        ends["killed" if code == -9 else "over before the kill"] += 1
        finish_and_compare(light, forge, output, f"life {life}")
        shutil.rmtree(output)
    with capsys.disabled():
        print(f"\nlives: {LIVES} of {LIVES} byte-identical; {dict(ends)}; the slowest stop took {longest:.1f} s")
    assert ends["stopped"] > LIVES / 2 and ends["killed"] > LIVES / 3


def command(light: Job, output: Path) -> str:
    return f"{sys.executable} -m pipeline.cli run {light.recipe} --output {output} --workers 2"


def test_standard_streams_that_are_closed_do_no_harm(light: Job, tmp_path: Path) -> None:
    """`winnow run <&- >&- 2>&-` does not print into its own files; `winnow run 2>&1 | head -0` says that nobody has read it."""
    output = tmp_path / "out"
    subprocess.run(["sh", "-c", f"{command(light, output)} <&- >&- 2>&-"], cwd=ROOT, check=True)
    assert not differences(tree(output), light.files)
    line = command(light, output).split()
    process = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait() == 141
