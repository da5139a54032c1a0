"""What the tests of readers share."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def made(tmp_path: Path) -> Callable[[bytes], Path]:
    """A function that writes bytes to a file whose name says nothing of what is in it."""

    def write(data: bytes) -> Path:
        path = tmp_path / "some.file"
        path.write_bytes(data)
        return path

    return write
