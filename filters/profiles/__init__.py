"""Which thresholds hold for which language, kept as data: one YAML file per profile, each value with its source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from filters.profiles.of_language import LanguageProfile, with_languages
from filters.rule import Rule, Value
from filters.words import Splitter

# Order in which filters judge: FineWeb's, with what needs no words first and what is special behind.
ORDER = ("length", "gopher_repetition", "gopher_quality", "lines", "chinese", "c4", "fineweb")


@dataclass(frozen=True)
class Profile:
    """Thresholds by filter. c4_lines: languages whose text C4's line rules rewrite; None = all."""

    name: str
    splitter: Splitter
    filters: Mapping[str, Mapping[str, Value]]
    c4_lines: tuple[str, ...] | None = ()
    languages: Mapping[str, str] = field(default_factory=dict)

    def values(self, name: str) -> Mapping[str, Value] | None:
        """Thresholds of one filter; None if no part of the profile mentions it (then its own defaults hold)."""
        return self.filters.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The filters the profile judges by, in order."""
        return tuple(sorted(self.filters, key=lambda one: ORDER.index(one) if one in ORDER else len(ORDER)))


def profile_names() -> tuple[str, ...]:
    """The profiles that come with the package."""
    return tuple(
        sorted(one.name.removesuffix(".yaml") for one in files(__name__).iterdir() if one.name.endswith(".yaml"))
    )


@cache
def load_profile(name: str) -> Profile:
    """A profile by name. Raises ValueError naming the known ones."""
    if name not in profile_names():
        raise ValueError(f"unknown profile {name!r}; known: {', '.join(profile_names())}")
    raw = _read(name)
    if "languages" in raw:
        return _merged(raw)
    rewritten = None if raw["c4_lines"] else ()
    return Profile(raw["name"], raw["splitter"], raw["filters"], rewritten)


def profile_rules(
    profile: str, filters: tuple[str, ...], languages: Mapping[str, LanguageProfile] | None = None
) -> tuple[Rule, ...]:
    """The rules of some filters with the thresholds of a profile; a filter it does not mention has its own defaults.

    languages: profiles that take its place for documents of their language.
    """
    return tuple(rule for one in filters for rule in _rules(load_profile(profile), one, languages or {}))


def _rules(profile: Profile, name: str, languages: Mapping[str, LanguageProfile]) -> tuple[Rule, ...]:
    from filters.base import get_filter

    found = get_filter(name)
    values = profile.values(name)
    if values is None:
        values = {one.name: one.value for one in found.thresholds}
    known = {one.name: values.get(one.name) for one in found.thresholds}
    return found.rules(with_languages(known, languages, name))


def _read(name: str) -> dict[str, Any]:
    import yaml

    loaded: dict[str, Any] = yaml.safe_load((files(__name__) / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def _merged(raw: Mapping[str, Any]) -> Profile:
    """One profile of several: every threshold becomes {language: value, default: value}."""
    parts = {language: load_profile(one) for language, one in raw["languages"].items()}
    parts["default"] = load_profile(raw["default"])
    names = dict.fromkeys((one, key) for part in parts.values() for one in part.filters for key in part.filters[one])
    filters: dict[str, dict[str, Value]] = {}
    for one, key in names:
        filters.setdefault(one, {})[key] = {language: _scalar(part, one, key) for language, part in parts.items()}
    rewritten = tuple(sorted(language for language, part in parts.items() if part.c4_lines is None))
    return Profile(raw["name"], raw["splitter"], filters, rewritten, raw["languages"])


def _scalar(part: Profile, one: str, key: str) -> Any:
    return part.filters.get(one, {}).get(key)
