"""The stage that rewrites text by C4's line rules."""

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import model_validator

from filters.rule import Rule
from filters.words import Splitter
from stages.base import BatchFn, Context, columns, threshold
from stages.own_profiles import WithOwnProfiles

REMOVED = columns(c4_lines__removed_lines=pa.int32(), c4_lines__removed_chars=pa.int32())


class C4Lines(WithOwnProfiles):
    """Drop the lines C4 drops: a word of more than 1,000 characters, fewer than 3 words, "javascript", policy phrases.

    Citation marks ([1], [edit], [citation needed]) and white space around lines go too. A null text stays null.
    languages: whose text is rewritten (ISO 639-3); None = every text, whatever its language.
    before, filters: measured on the text as it came and on what is left of it, in the same pass, and judged by
    `profile`. Each text is split into words once for both; `c4` is measured on exactly the lines that stay (as a stage
    of its own behind this one it would apply the line rules twice).
    """

    name: ClassVar[str] = "c4_lines"
    version: ClassVar[int] = 1

    languages: tuple[str, ...] | None = ("eng",)
    before: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    splitter: Splitter = "by_language"
    profile: str = threshold("by_language")

    @model_validator(mode="after")
    def _known(self) -> Self:
        from filters.base import get_filter
        from filters.profiles import load_profile

        load_profile(self.profile)
        for one in self._measured:
            get_filter(one)
        return self

    @property
    def _measured(self) -> tuple[str, ...]:
        return (*self.before, *self.filters)

    @property
    def reads(self) -> pa.Schema:
        by_language = bool(self._measured) and "by_language" in (self.splitter, self.profile)
        wanted = by_language or bool(self.own) or self.languages is not None
        return columns(text=pa.string(), **({"language": pa.string()} if wanted else {}))

    @property
    def adds(self) -> pa.Schema:
        from filters.base import get_filter

        return pa.schema([*REMOVED, *(field for one in self._measured for field in get_filter(one).adds)])

    @property
    def replaces(self) -> pa.Schema:
        return columns(text=pa.string())

    def measure_config(self) -> dict[str, Any]:
        from filters.base import get_filter
        from filters.c4_lines import VERSION

        measured = [get_filter(one).fingerprint() for one in self._measured]
        return {**super().measure_config(), "lines": VERSION, "measured": measured, **self.own_measures}

    def rules(self) -> tuple[Rule, ...]:
        from filters.profiles import profile_rules

        return profile_rules(self.profile, self._measured, self.profiles)

    def open(self, ctx: Context) -> BatchFn:
        from filters.base import get_filter
        from filters.batch import TextBatch
        from filters.c4_lines import rewrite

        before, after = ([get_filter(one) for one in names] for names in (self.before, self.filters))
        schema = pa.schema([*self.adds, *self.replaces])
        profiles = self.profiles

        def rewrite_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
            languages = batch.column("language").to_pylist() if "language" in batch.schema.names else None
            texts = TextBatch(batch.column("text"), languages, splitter=self.splitter, profiles=profiles)
            left = rewrite(texts.texts, self._chosen(languages, len(texts)))
            arrays = [*_removed(texts, left), *(array for one in before for array in one.arrays(texts))]
            if after:
                rest = texts.after_c4(left)
                arrays += [array for one in after for array in one.arrays(rest)]
            return pa.RecordBatch.from_arrays([*arrays, _text(texts, left)], schema=schema)

        return rewrite_batch

    def _chosen(self, languages: list[str | None] | None, count: int) -> npt.NDArray[np.bool_]:
        if self.languages is None or languages is None:
            return np.ones(count, np.bool_)
        return np.fromiter((one in self.languages for one in languages), np.bool_, count)


def _removed(texts: Any, left: Any) -> list[pa.Array]:
    import pyarrow.compute as pc

    from filters.kernels import c4

    gone = pc.subtract(pc.utf8_length(texts.texts), pc.utf8_length(left.texts)).cast(pa.int32())
    lines = left.counts[:, [c4.TOO_LONG_WORD, c4.FEW_WORDS, c4.JAVASCRIPT, c4.POLICY]].sum(axis=1)
    null = pa.scalar(None, pa.int32())
    missing = pa.array(texts.missing)
    return [pc.if_else(missing, null, pa.array(lines.astype(np.int32))), pc.if_else(missing, null, gone)]


def _text(texts: Any, left: Any) -> pa.Array:
    import pyarrow.compute as pc

    whole = left.texts.cast(pa.string())
    return pc.if_else(pa.array(texts.missing), pa.scalar(None, pa.string()), whole) if texts.missing.any() else whole
