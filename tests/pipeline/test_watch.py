"""What a process is held to, and whose doing its end was. Clocks and budgets here are small numbers, not time that passes."""

import os
import signal
import subprocess
import sys

import pytest

from pipeline import watch
from pipeline.watch import LEAST_MEMORY, Limits, Usage, Watch, own_doing, told_status, usage


@pytest.mark.parametrize(
    ("status", "own"),
    [
        *((status, True) for status in (-signal.SIGSEGV, -signal.SIGABRT, 0, 3)),
        *((status, False) for status in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -64)),
    ],
)
def test_only_what_a_process_does_to_itself_speaks_against_its_input(status: int, own: bool) -> None:
    assert own_doing(status) is own


def test_statuses_are_told_by_name() -> None:
    assert [told_status(s) for s in (3, -11, -250)] == ["exit status 3", "SIGSEGV", "signal 250"]


def test_usage_of_this_process_is_known_by_proc_and_by_ps() -> None:
    """The portable way stands in where there is no /proc."""
    mine = usage(os.getpid())
    assert mine is not None and mine.cpu_seconds > 0 and mine.memory_bytes > 1 << 20
    try:
        portable = watch._from_ps(os.getpid())
    except FileNotFoundError:
        pytest.skip("no ps on this machine")
    assert portable.memory_bytes > 1 << 20 and portable.state in "RSD"


def test_a_process_that_is_gone_uses_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert usage(child.pid) is None
    assert Watch(child.pid, Limits(), LEAST_MEMORY).look() == ""


class Played:
    """A process whose usage is played back, a second of time between two looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *told: Usage) -> None:
        self.told, self.now = list(told), 0.0
        monkeypatch.setattr(watch, "usage", lambda pid: self.told.pop(0))
        monkeypatch.setattr(watch, "monotonic", self.clock)

    def clock(self) -> float:
        self.now += 0.5
        return self.now


def looks(monkeypatch: pytest.MonkeyPatch, *told: Usage, loading: bool = False) -> list[str]:
    Played(monkeypatch, *told)
    one = Watch(1, Limits(cpu_seconds=10, idle_seconds=1), memory=100, loading=loading, _looked=0.0)
    return [one.look() for _ in told]


def test_cpu_without_progress_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, Usage(5, 0, "R"), Usage(11, 0, "R")) == ["", "timeout"]


def test_loading_may_take_ten_times_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, Usage(99, 0, "R"), Usage(101, 0, "R"), loading=True) == ["", "timeout"]


def test_a_child_whose_end_is_no_verdict_has_a_share_of_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    Played(monkeypatch, Usage(2, 0, "R"), Usage(6, 0, "R"))
    one = Watch(1, Limits(cpu_seconds=10), memory=100, loading=False, share=0.5)
    assert [one.look(), one.look()] == ["", "timeout"]


def test_sleep_adds_up_to_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, *[Usage(1, 0, "S")] * 4) == ["", "", "", "timeout"]


@pytest.mark.parametrize("state", ["T", "D", "R"])
def test_being_stopped_or_waiting_for_disk_or_turn_uses_nothing_up(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    assert not any(looks(monkeypatch, *[Usage(1, 0, state)] * 50))


def test_progress_starts_the_budgets_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    Played(monkeypatch, Usage(9, 0, "R"), Usage(18, 0, "R"))
    one = Watch(1, Limits(cpu_seconds=10), memory=100, loading=False)
    assert one.look() == ""
    one.progressed()
    assert one.look() == ""


def test_memory_beyond_the_budget_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(monkeypatch, Usage(1, 100, "R"), Usage(1, 101, "R")) == ["", "out_of_memory"]


def test_a_worker_has_its_share_of_the_machine_and_never_less_than_its_models_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "machine_memory", lambda: 100 << 30)
    assert Limits().memory(10) == 8 << 30
    assert Limits().memory(1000) == LEAST_MEMORY
    assert Limits(memory_bytes=5e8).memory(10) == 500_000_000
