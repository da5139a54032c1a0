"""The profile of one language in a file of its own: thresholds, stop words, word splitter.

Where a recipe names it, it is all that judges documents of that language: a threshold it does not name is off. `winnow
fit profile` writes such files; people may, too.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from filters.rule import Scalar, Value
from filters.words import Splitter

KNOWN = frozenset(("language", "splitter", "stop_words", "filters"))
SPLITTERS = tuple(one for one in get_args(Splitter) if one != "by_language")
MOST_STOP_WORDS = 64  # a text's stop words are counted in one machine word


@dataclass(frozen=True)
class LanguageProfile:
    """filters: thresholds by filter. splitter, stop_words: None and () = those Winnow has for the language."""

    filters: Mapping[str, Mapping[str, float]]
    stop_words: tuple[str, ...] = ()
    splitter: str | None = None


@cache
def load_language_profile(path: str, sha256: str) -> LanguageProfile:
    """The profile in a file whose bytes have this hash. Raises ValueError that names the file and what is wrong with it."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"profile {path}: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"profile {path} changed since the recipe was read; run again")
    return _parsed(path, content)


def _parsed(path: str, content: bytes) -> LanguageProfile:
    import yaml

    try:
        raw = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"profile {path} is no YAML: {' '.join(str(error).split())}") from None
    unknown = sorted(set(raw) - KNOWN) if isinstance(raw, dict) else None
    if unknown is None or unknown or not isinstance(raw.get("filters"), dict):
        wrong = f"unknown key {unknown[0]!r}" if unknown else "no map with `filters`"
        raise ValueError(f"profile {path}: {wrong}; its keys are {', '.join(sorted(KNOWN))}")
    return LanguageProfile(_thresholds(path, raw["filters"]), _stop_words(path, raw), _splitter(path, raw))


def _thresholds(path: str, raw: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    from filters.base import get_filter

    for name, values in raw.items():
        known = {one.name for one in get_filter(name).thresholds}
        for key, value in (values or {}).items():
            if key not in known:
                raise ValueError(f"profile {path}: {name} has no threshold {key!r}; it has {', '.join(sorted(known))}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"profile {path}: {name}.{key} should be a number, not {value!r}")
    return {name: dict(values or {}) for name, values in raw.items()}


def _stop_words(path: str, raw: Mapping[str, Any]) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(map(str, raw.get("stop_words") or ())))
    if len(words) > MOST_STOP_WORDS:
        raise ValueError(f"profile {path}: {len(words)} stop words; at most {MOST_STOP_WORDS} are counted")
    return words


def _splitter(path: str, raw: Mapping[str, Any]) -> str | None:
    splitter = raw.get("splitter")
    if splitter is not None and splitter not in SPLITTERS:
        raise ValueError(f"profile {path}: unknown splitter {splitter!r}; known: {', '.join(SPLITTERS)}")
    return splitter


def with_languages(values: Mapping[str, Value], profiles: Mapping[str, LanguageProfile], name: str) -> dict[str, Value]:
    """Thresholds of a filter in which each language with a profile of its own has that profile's, or none."""
    if not profiles:
        return dict(values)
    merged: dict[str, Value] = {}
    for key, value in values.items():
        known: dict[str, Scalar] = dict(value) if isinstance(value, dict) else {"default": _scalar(value)}
        merged[key] = known | {code: one.filters.get(name, {}).get(key) for code, one in profiles.items()}
    return merged


def _scalar(value: Value) -> Scalar:
    if isinstance(value, tuple | dict):
        raise TypeError(f"{value!r} is no threshold")
    return value
