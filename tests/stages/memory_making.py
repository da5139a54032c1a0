"""Files that ask for more memory than they are worth, written piece by piece, and what reading one takes at most."""

import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli

from stages.warc_codecs import zstd_module
from tests.stages.warc_making import http, record

MIB = 1 << 20
READ = """
import json, os, sys
from collections import Counter
from stages.base import Context, Slice
from stages.registry import source_class

def status(name):
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(name))

def outcomes(path):
    size = os.path.getsize(path)
    for start, end in source.cuts(path, size, 8 << 20):
        for batch in source.read(Context(), Slice("m", "m", None, "file", path, start, end, size)):
            for row in zip(*(batch[name].to_pylist() for name in ("read__error", "read__drop"))):
                yield row[0] or row[1] or "document"

form, path, small = sys.argv[1:]
source = source_class(form)()
list(outcomes(small))
before = status("VmRSS")
told = Counter(outcomes(path))
print(json.dumps([(status("VmHWM") - before) >> 20, told]))
"""


def peak(form: str, path: Path, small: Path) -> tuple[int, dict[str, int]]:
    """(MiB at most while the file is read beyond those held before, rows by outcome), in a process of its own.

    small: a file of the same kind that is read first, so that what is loaded then does not count.
    """
    told = subprocess.run([sys.executable, "-c", READ, form, path, small], capture_output=True, text=True, check=True)
    grown, counts = json.loads(told.stdout)
    return grown, counts


def claimed(length: int) -> bytes:
    """The header of a response record of that length, and the header of its response."""
    return record("response", 7, http(b""), f"Content-Length: {length}")[: -len(b"\r\n\r\n")]


def plain_giant(path: Path, size: int, after: bytes) -> None:
    """A record of `size` bytes that take no disk, then others."""
    with open(path, "wb") as file:
        head = claimed(size)
        file.write(head)
        file.truncate(head.index(b"\r\n\r\n") + 4 + size)
        file.seek(0, 2)
        file.write(b"\r\n\r\n" + after)


def gzip_giant(path: Path, size: int, after: bytes) -> None:
    """The same as one gzip member, of blocks that are compressed once and written many times."""
    block = b"".join(b"<p>line %d of a block\n" % n for n in range(50_000))[:MIB]
    packer, checksum, done = zlib.compressobj(6, zlib.DEFLATED, -15), 0, 0
    head = claimed(size)
    with open(path, "wb") as file:
        file.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
        block_packed = _flushed(zlib.compressobj(6, zlib.DEFLATED, -15), block)
        start = head.index(b"\r\n\r\n") + 4
        for part, packed in _parts(head, block, block_packed, start + size):
            file.write(_flushed(packer, part) if packed is None else packed)
            checksum, done = zlib.crc32(part, checksum), done + len(part)
        end = b"\r\n\r\n"
        file.write(packer.compress(end) + packer.flush())
        file.write(zlib.crc32(end, checksum).to_bytes(4, "little") + (done + 4 & 0xFFFFFFFF).to_bytes(4, "little"))
        file.write(after)


def _flushed(packer: "zlib._Compress", data: bytes) -> bytes:
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def _parts(head: bytes, block: bytes, packed: bytes, size: int) -> Iterator[tuple[bytes, bytes | None]]:
    yield head, None
    left = size - len(head)
    for _ in range(left // len(block)):
        yield block, packed
    yield block[: left % len(block)], None


def long_line(path: Path, size: int, opened: Any = open) -> None:
    """A JSON object with a text of `size` letters, and a short one after it."""
    with opened(path, "wb") as file:
        file.write(b'{"text": "')
        for _ in range(size // MIB):
            file.write(b"a" * MIB)
        file.write(b'"}\n{"text": "after"}\n')


def bomb(coding: str, size: int) -> bytes:
    """A response record whose body blows up to `size` bytes."""
    zeros = bytes(MIB)
    if coding == "br":
        packer = brotli.Compressor(quality=2)
        body = b"".join(packer.process(zeros) for _ in range(size // MIB)) + packer.finish()
    elif coding == "zstd":
        zstd = zstd_module().ZstdCompressor(level=1)
        body = b"".join(zstd.compress(zeros) for _ in range(size // MIB)) + zstd.flush()
    else:
        deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
        body = b"".join(deflate.compress(zeros) for _ in range(size // MIB)) + deflate.flush()
    return record("response", 8, http(body, f"Content-Type: text/html\nContent-Encoding: {coding}"))
