"""The model of the learned judge that comes with the package; its hash is known without loading numba."""

import hashlib
from functools import cache
from pathlib import Path

SHIPPED = Path(__file__).with_name("lines.model")


@cache
def sha256() -> str:
    """Of the model file: it enters the key of what `clean_lines` made."""
    return hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
