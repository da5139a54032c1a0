"""`dedupe:` of a recipe: repeated pages before extraction, exact copies by content hash, near copies by MinHash-LSH
with every link verified."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from stages.base import VERDICTS, Barrier, Configured, local
from stages.dedupe_exact import Exact
from stages.dedupe_keepers import Against, Prefer, Scope
from stages.dedupe_minhash import MinHashCandidates, MinHashVerify
from stages.dedupe_pages import Pages


class MinHash(Configured):
    """Near-duplicate removal as a recipe spells it; runs as the barriers `minhash_candidates` and `minhash`."""

    name: ClassVar[str] = "minhash"

    scope: Scope = "global"
    ngram: int = Field(5, ge=1)  # tokens; FineWeb: word 5-grams, 14 x 8
    bands: int = Field(14, ge=1)
    rows: int = Field(8, ge=1)
    min_jaccard: float = Field(0.8, gt=0, le=1)  # exact similarity a link needs
    prefer: Prefer = ("quality_score", "newest", "id")
    engine: Literal["winnow", "datasketch"] = "winnow"
    link: Literal["component", "direct"] = "component"
    against: Against = local(())

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        self.barriers()
        return self

    def barriers(self) -> tuple[Barrier, ...]:
        shared = {"ngram": self.ngram}
        candidates = MinHashCandidates(scope=self.scope, bands=self.bands, rows=self.rows, engine=self.engine, **shared)
        verify = MinHashVerify(min_jaccard=self.min_jaccard, prefer=self.prefer, link=self.link, **shared)
        return candidates, verify


KNOWN: dict[str, type[Configured]] = {Pages.name: Pages, Exact.name: Exact, MinHash.name: MinHash}


def barriers(name: str, config: Mapping[str, Any]) -> tuple[Barrier, ...]:
    """The barriers one entry of `dedupe:` stands for, in order. Raises ValueError for an unknown name or setting."""
    if name not in KNOWN:
        raise ValueError(f"unknown dedupe step {name!r}; known: {', '.join(KNOWN)}")
    if name == MinHash.name:
        return MinHash(**config).barriers()
    return (Pages(**config) if name == Pages.name else Exact(**config),)


__all__ = [
    "KNOWN",
    "VERDICTS",
    "Exact",
    "MinHash",
    "MinHashCandidates",
    "MinHashVerify",
    "Pages",
    "barriers",
]
