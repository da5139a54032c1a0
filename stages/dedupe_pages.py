"""`pages` of `dedupe:`: copies found before extraction, by the page as it was received or by its URL."""

from hashlib import blake2b
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from stages.base import Barrier, BatchFn, Context, columns
from stages.dedupe_exact import EXACT_SKETCH, Exact
from stages.dedupe_keepers import Scope
from stages.url_parts import parse


class Pages(Barrier):
    """Find pages received more than once and read only one of each: the newest, then the one with the smallest id.

    by: `payload`, the same bytes under the same charset label, so the same text whatever the address; `url`, another
    capture of the same address (in canonical form, fragment left out), whatever it holds.
    What is no page (rows that come as text) has no copies here.
    """

    name: ClassVar[str] = "pages"
    version: ClassVar[int] = 2

    by: Literal["payload", "url"] = "payload"
    scope: Scope = "global"

    @property
    def reads(self) -> pa.Schema:
        named = columns(id=pa.string(), record_key=pa.string(), source=pa.string(), dump=pa.string(), url=pa.string())
        return pa.schema(
            [*named, ("date", pa.timestamp("us", "UTC")), ("html", pa.large_binary()), ("charset", pa.string())]
        )

    def sketch(self, ctx: Context) -> BatchFn:
        seen = ("html", "charset") if self.by == "payload" else ("url",)
        names = list(seen if self.scope == "global" else (*seen, self.scope))

        def digest(batch: pa.RecordBatch) -> pa.RecordBatch:
            batch = batch.filter(batch["html"].is_valid() if self.by == "payload" else _addressed(batch))
            keys = [_digest(row, self.by == "url") for row in zip(*(batch[n].to_pylist() for n in names), strict=True)]
            halves = np.frombuffer(b"".join(keys), ">u8").astype(np.uint64).reshape(-1, 2)
            found = {name: batch[name] for name in ("handle", "record_key", "id", "date")}
            found |= {"partition": pa.array(halves[:, 0]), "content": pa.array(halves[:, 1])}
            rows = [found.get(f.name, pa.nulls(len(batch), f.type)) for f in EXACT_SKETCH]
            return pa.RecordBatch.from_arrays(rows, schema=EXACT_SKETCH)

        return digest

    def reduce(self, ctx: Context, part: pa.Table) -> pa.Table:
        return Exact(prefer=("newest", "id")).reduce(ctx, part)

    def combine(self, ctx: Context, parts: pa.Table) -> pa.Table:
        return Exact().combine(ctx, parts)


def _addressed(batch: pa.RecordBatch) -> pa.Array:
    """Which rows are pages with a web address."""
    urls = batch["url"].to_pylist()
    pages = batch["html"].is_valid().to_pylist()
    known = [page and bool(url) and _canonical(url) is not None for url, page in zip(urls, pages, strict=True)]
    return pa.array(known, pa.bool_())


def _canonical(url: str) -> str | None:
    try:
        address = parse(url)
    except ValueError:
        return None
    return address and address.canonical


def _digest(row: tuple[bytes | str | None, ...], of_url: bool) -> bytes:
    """128 bits of all fields; each is led by its length, so that no two rows of different fields look alike."""
    first, *others = row
    digest = blake2b(digest_size=16)
    for field in (_canonical(str(first)) if of_url else first, *others):
        data = field if isinstance(field, bytes) else (field or "").encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + b"\0" * (field is None))
        digest.update(data)
    return digest.digest()
