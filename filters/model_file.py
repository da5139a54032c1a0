"""Files of learned models: arrays with a header, nothing that runs."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def write_arrays(
    path: Path, magic: bytes, arrays: Mapping[str, Array], kinds: Mapping[str, str], header: Mapping[str, Any]
) -> str:
    """Write a model; returns its sha256. The same arrays and header give the same bytes on every machine.

    kinds: name and little-endian type ("<i4") of each array, in the order of the file; arrays are stored flat.
    """
    body = b"".join(np.ascontiguousarray(arrays[name], np.dtype(kind)).tobytes() for name, kind in kinds.items())
    told = {**header, "sizes": {name: arrays[name].size for name in kinds}}
    data = magic + json.dumps(told, sort_keys=True).encode() + b"\n" + body
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read_arrays(path: Path, magic: bytes, kinds: Mapping[str, str]) -> tuple[dict[str, Array], dict[str, Any], str]:
    """(arrays, flat; header; sha256). Raises ValueError for a file that is of another sort, or cut short."""
    data = path.read_bytes()
    if not data.startswith(magic):
        raise ValueError(f"{path}: no {magic.decode().strip()} model")
    line, _, body = data[len(magic) :].partition(b"\n")
    header = json.loads(line)
    sizes = [header.get("sizes", {}).get(name, 0) * np.dtype(kind).itemsize for name, kind in kinds.items()]
    if len(body) != sum(sizes):
        raise ValueError(f"{path}: {len(body)} bytes of arrays instead of {sum(sizes)}")
    ends = np.cumsum(sizes)
    arrays = {
        name: np.frombuffer(body[end - size : end], np.dtype(kind)).astype(np.dtype(kind).newbyteorder("="))
        for (name, kind), size, end in zip(kinds.items(), sizes, ends, strict=True)
    }
    return arrays, header, hashlib.sha256(data).hexdigest()
