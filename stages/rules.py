"""Quality rules as stages: signals of filters, judged by the thresholds of a profile."""

from typing import Any, ClassVar, Self

import pyarrow as pa
from pydantic import Field, model_validator

from filters.rule import Rule
from filters.words import Splitter
from stages.base import BatchFn, Context, Stage, columns, threshold
from stages.c4_lines import C4Lines
from stages.own_profiles import WithOwnProfiles

AFTER_C4 = ("c4", "fineweb")  # filters that FineWeb applied to what C4's line rules had left


class Signals(WithOwnProfiles):
    """Measure the signals of some filters in one go; judge them by a profile's thresholds, or the filter's own.

    filters: names of docs/reference/filters.md, in the order in which they judge.
    profile: where the thresholds come from; a filter that it does not mention is judged by its published defaults.
    own: profiles of single languages in files (`{deu: profiles/deu.yaml}`), in the place of what `profile` says of them.
    splitter: how texts are split into words; left out, it follows the profile (`fineweb` splits every text as English,
    `fineweb2-zh` every text as Chinese, the others by language).
    """

    name: ClassVar[str] = "signals"
    version: ClassVar[int] = 1

    filters: tuple[str, ...] = Field(min_length=1)
    profile: str = threshold("by_language")
    splitter: Splitter = "by_language"

    @model_validator(mode="before")
    @classmethod
    def _splitter_of_profile(cls, given: Any) -> Any:
        from filters.profiles import load_profile

        if not isinstance(given, dict) or "splitter" in given or not isinstance(given.get("profile"), str):
            return given
        return {**given, "splitter": load_profile(given["profile"]).splitter}

    @model_validator(mode="after")
    def _known(self) -> Self:
        from filters.base import get_filter
        from filters.profiles import load_profile

        load_profile(self.profile)
        for one in self.filters:
            get_filter(one)
        return self

    @property
    def reads(self) -> pa.Schema:
        """Text; the language too where words or thresholds depend on it."""
        by_language = bool(self.own) or "by_language" in (self.splitter, self.profile)
        return columns(text=pa.string(), **({"language": pa.string()} if by_language else {}))

    @property
    def adds(self) -> pa.Schema:
        from filters.base import get_filter

        return pa.schema([field for one in self.filters for field in get_filter(one).adds])

    def measure_config(self) -> dict[str, Any]:
        from filters.base import get_filter

        measured = [get_filter(one).fingerprint() for one in self.filters]
        return {**super().measure_config(), "measured": measured, **self.own_measures}

    def rules(self) -> tuple[Rule, ...]:
        from filters.profiles import profile_rules

        return profile_rules(self.profile, self.filters, self.profiles)

    def open(self, ctx: Context) -> BatchFn:
        from filters.base import get_filter
        from filters.batch import TextBatch

        measured = [get_filter(one) for one in self.filters]
        profiles = self.profiles

        def measure(batch: pa.RecordBatch) -> pa.RecordBatch:
            languages = batch.column("language").to_pylist() if "language" in batch.schema.names else None
            texts = TextBatch(batch.column("text"), languages, splitter=self.splitter, profiles=profiles)
            arrays = [array for one in measured for array in one.arrays(texts)]
            return pa.RecordBatch.from_arrays(arrays, schema=self.adds)

        return measure


class Rules(WithOwnProfiles):
    """The quality rules of a profile: stands for the stage that measures and judges them, in FineWeb's order.

    profile: by_language (English as FineWeb, Chinese as FineWeb-2, others minimal), fineweb, fineweb2-zh or minimal;
    the last three judge every document alike, whatever its language.
    filters: only these of the profile's filters; `c4_lines` with `c4`.
    own: profiles of single languages in files (`{deu: profiles/deu.yaml}`), in the place of what `profile` says of them.
    """

    name: ClassVar[str] = "rules"
    version: ClassVar[int] = 1

    profile: str = "by_language"
    filters: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        from filters.profiles import load_profile

        known = load_profile(self.profile).names
        if self.filters is not None and not self.filters:
            raise ValueError("filters: an empty list judges nothing; leave the stage out instead")
        for one in self.filters or ():
            if one not in known:
                raise ValueError(f"profile {self.profile!r} has no filter {one!r}; it has {', '.join(known)}")
        return self

    def expand(self) -> tuple[Stage, ...]:
        """One stage: signals of the text, or with C4's lines, which measures the text before and after."""
        from filters.profiles import load_profile

        profile = load_profile(self.profile)
        wanted = tuple(one for one in profile.names if self.filters is None or one in self.filters)
        if "c4" not in wanted or profile.c4_lines == ():
            return (Signals(filters=wanted, profile=self.profile, own=self.own),)
        before = tuple(one for one in wanted if one not in AFTER_C4)
        after = tuple(one for one in wanted if one in AFTER_C4)
        rewritten = profile.c4_lines
        common: dict[str, Any] = {"splitter": profile.splitter, "profile": self.profile, "own": self.own}
        return (C4Lines(languages=rewritten, before=before, filters=after, **common),)

    @property
    def reads(self) -> pa.Schema:
        return pa.schema(list(dict.fromkeys(field for one in self.expand() for field in one.reads)))

    @property
    def adds(self) -> pa.Schema:
        return pa.schema([field for one in self.expand() for field in one.adds])

    @property
    def replaces(self) -> pa.Schema:
        return pa.schema([field for one in self.expand() for field in one.replaces])

    def rules(self) -> tuple[Rule, ...]:
        return tuple(found for one in self.expand() for found in one.rules())

    def open(self, ctx: Context) -> BatchFn:
        raise TypeError("`rules` stands for several stages: open those of expand()")
