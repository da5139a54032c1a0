"""What pydantic found wrong, said in the recipe's own words: `file:line:column: unknown key 'stags' (did you mean ...)`."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.errors import RecipeError
from pipeline.yaml_load import Node

MAX_LINES = 3
MAX_CHARS = 500  # of a line; the longest honest one has under 300


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'stages'?)`, or nothing if no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def translate(
    error: ValidationError, node: Node, at: tuple[Any, ...] = (), known: Iterable[str] = (), inside: bool = True
) -> RecipeError:
    """Up to three lines, one per mistake.

    at: where in the recipe the validated value stands; inside: whether its parts can be found below that place.
    known: keys that are accepted there.
    """
    known = list(known)
    found = error.errors(include_url=False)
    lines = list(dict.fromkeys(_shortened(_line(one, node, at, known, inside)) for one in found))
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"and {len(lines) - MAX_LINES + 1} more"]
    return RecipeError("\n".join(lines))


def _shortened(line: str) -> str:
    """A key or value of any length leaves its place and its beginning readable."""
    return line if len(line) <= MAX_CHARS else f"{line[:MAX_CHARS]}..."


def _line(one: ErrorDetails, node: Node, at: tuple[Any, ...], known: list[str], inside: bool) -> str:
    context = one.get("ctx", {})
    inner = [context["key"]] if "key" in context else context.get("at", [])
    loc = (*one["loc"], *inner) if inside else ()
    path = tuple(part for part in (*at, *loc) if part != "[key]")
    mark = node.locate(path)
    if one["type"] == "extra_forbidden":
        key = one["loc"][-1]
        where = f" in {_dotted(path[:-1] if inside else path)}"
        return f"{mark}: unknown key {key!r}{where}{did_you_mean(str(key), known)}"
    said = _said(one)
    if one["type"] in ("unknown_key", "missing", "misplaced"):
        return f"{mark}: {said}"
    return f"{mark}: {_dotted(path)}: {said}" if path else f"{mark}: {said}"


def _said(one: ErrorDetails) -> str:
    if one["type"] == "missing":
        *owner, key = one["loc"]
        return f"missing key {key!r}" + (f" in {_dotted(tuple(owner))}" if owner else "")
    message = one["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = (
        message.replace("Input should", "should").replace("valid tuple", "list").replace("valid dictionary", "map")
    )
    given = "" if one["type"] in ("value_error", "unknown_key", "misplaced") else _given(one["input"])
    return " ".join((message + given).split())


def _given(value: Any) -> str:
    shown = repr(value)
    return f", not {shown}" if len(shown) <= 60 else f", not {shown[:57]}..."


def _dotted(path: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in path)
