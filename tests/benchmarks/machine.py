"""What the figures were measured on: the machine, and the versions of both environments."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.contest import PEERS_PYTHON

_OURS = "numpy pyarrow polars numba FastWARC Resiliparse trafilatura lxml fasttext-numpy2 tokenizers tiktoken".split()
_PEERS = "datatrove trafilatura lxml spacy fasttext-numpy2-wheel datasketch rensa xxhash warcio pyarrow".split()
_ASK = (
    "import importlib.metadata as m, json, sys; has = {d.name.lower() for d in m.distributions()};"
    "print(json.dumps({n: m.version(n) for n in sys.argv[1:] if n.lower() in has}))"
)


def machine() -> str:
    """Processor, cores, memory, system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release()}, CPython {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; {system}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def versions() -> dict[str, str]:
    """`Winnow` and `peers`: the packages that do the work, with their versions."""
    found = {"Winnow": _asked(sys.executable, _OURS)}
    return found | ({"peers": _asked(str(PEERS_PYTHON), _PEERS)} if PEERS_PYTHON.exists() else {})


def _asked(python: str, names: list[str]) -> str:
    told = subprocess.run([python, "-c", _ASK, *names], check=True, capture_output=True, text=True).stdout
    return ", ".join(f"{name} {version}" for name, version in json.loads(told).items())
