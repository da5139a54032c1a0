"""Real system calls as a sample: strace lets the N-th one fail or kill the run there; the run after that finishes the same.

`make test` tries two points, `make faults` WINNOW_SYSCALLS of them (240). Skipped where strace may not trace.
"""

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from pipeline.verify import verify
from tests.faults.forge import Forge
from tests.faults.small_job import Job, differences, tree

POINTS = int(os.environ.get("WINNOW_SYSCALLS", "240"))
CALLS = ("rename", "fsync", "write", "openat", "unlink", "mkdir")
WAYS = ("signal=KILL", "error=EIO", "error=ENOSPC", "error=EMFILE")
FIT = {"rename": WAYS[:3], "fsync": WAYS[:3], "write": WAYS[:3], "openat": WAYS, "unlink": WAYS[:2], "mkdir": WAYS[:3]}
KINDS = [(call, way) for call in CALLS for way in FIT[call]]


def traced(forge: Forge, output: Path, *how: str) -> int:
    """A run under strace; its exit code."""
    pid = forge.begin(output)
    command = ["strace", "-f", "-qq", "-p", str(pid), "-e", "signal=none", *how]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        if not _is_traced(pid, tracer):
            os.killpg(pid, signal.SIGKILL)
            forge.end()
            pytest.skip("strace may not trace here")
        os.kill(pid, signal.SIGUSR1)
        return forge.end()


def _is_traced(pid: int, tracer: "subprocess.Popen[bytes]") -> bool:
    """Wait until strace has attached, or given up."""
    while tracer.poll() is None:
        if not re.search(r"TracerPid:\t0\n", Path(f"/proc/{pid}/status").read_text()):
            return True
    return False


@pytest.fixture(scope="module")
def counted(job: Job, forge: Forge, tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """How often the undisturbed run makes each call."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    folder = tmp_path_factory.mktemp("counted")
    log = folder / "calls"
    assert traced(forge, job.start(folder / "out"), "-o", str(log), "-e", f"trace={','.join(CALLS)}") == 0
    assert not differences(tree(folder / "out"), job.files)
    return Counter(re.findall(rf"^\d+ +({'|'.join(CALLS)})\(", log.read_text(), re.MULTILINE))


def inject(job: Job, forge: Forge, output: Path, call: str, way: str, at: int) -> int:
    """One point: the disturbed run, the run after it, the comparison. Returns how the disturbed one ended."""
    code = traced(forge, job.start(output), "-o", "/dev/null", "-e", f"inject={call}:{way}:when={at}")
    again, _ = forge.whole(output)
    point = f"{call} {way} at {at} (ended {code})"
    assert again == 0, f"{point}: {forge.log.read_text()[-2000:]}"
    assert not differences(tree(output), job.files), point
    assert verify(output)["ok"], point
    shutil.rmtree(output)
    return code


@pytest.mark.parametrize(("call", "way"), [("rename", "signal=KILL"), ("write", "error=ENOSPC")])
def test_a_run_goes_on_from_a_failed_system_call(
    job: Job, forge: Forge, counted: Counter[str], tmp_path: Path, call: str, way: str
) -> None:
    """One point in the middle."""
    code = inject(job, forge, tmp_path / "out", call, way, counted[call] // 2)
    assert code == (-9 if way == "signal=KILL" else 74)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_run_goes_on_from_many_failed_system_calls(
    job: Job, forge: Forge, counted: Counter[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Spread evenly over all calls of the run, each call with every way to fail."""
    ends: Counter[str] = Counter()
    per_kind = -(-POINTS // len(KINDS))
    for call, way in KINDS:
        for n in range(per_kind):
            at = 1 + n * counted[call] // per_kind
            code = inject(job, forge, tmp_path / f"{call}-{way}-{at}", call, way, at)
            ends[f"{way}: {code}"] += 1
    with capsys.disabled():
        print(f"\nsystem calls: {sum(ends.values())} points pass; calls of a run {dict(counted)}; ends {dict(ends)}")
    assert sum(ends.values()) >= POINTS
