"""What happens to a recipe before its models see it: includes, `--set`, and the refusal of what is not available yet."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import RecipeError, UsageError
from pipeline.yaml_load import MAX_DEPTH, Mark, Node, load_file, load_text, mapping, merge, sequence

# Keys of the contract that this version does not implement: refused by name, never ignored. `*` is any key or item.
NOT_YET: dict[str, str] = {
    "sources.*.format": "chat formats come with later work; plain text in JSONL works",
    "stages.*.chat_checks": "leave the stage out",
    "pipelines.*.*.chat_checks": "leave the stage out",
}
MAX_INCLUDES = 100
# Below these paths a key may hold dots of its own: `rules.gopher_quality.min_words`.
_DOTTED = re.compile(r"rules|expect|sources\.[^.]+\.set")


def load_recipe(path: Path, shown: str) -> Node:
    """The file with its includes merged: first the included ones in order, then the file itself."""
    return _load(path, shown, ())


def _load(path: Path, shown: str, above: tuple[Path, ...]) -> Node:
    node = load_file(path, shown)
    if not isinstance(node.value, dict):
        raise node.mark.error("a recipe is a map of keys, like `name: my-corpus`")
    include = node.value.get("include")
    if include is None:
        return node
    here = path.resolve()
    merged: Node | None = None
    for item in _included(include):
        target = path.parent / item.value
        if target.resolve() in (*above, here):
            raise item.mark.error(f"{item.value} includes itself")
        if len(above) > MAX_INCLUDES:
            raise item.mark.error(f"includes nested deeper than {MAX_INCLUDES}")
        try:
            part = _load(target, str(Path(shown).parent / item.value), (*above, here))
        except RecipeError as error:
            raise error if target.exists() else item.mark.error(f"can't include {item.value}: no such file") from None
        merged = part if merged is None else merge(merged, part)
    own = mapping(node.mark, {k: v for k, v in node.value.items() if k != "include"}, node.keys)
    return own if merged is None else merge(merged, own)


def _included(include: Node) -> list[Node]:
    items = include.value if isinstance(include.value, list) else [include]
    for item in items:
        if not isinstance(item.value, str):
            raise item.mark.error("`include:` should be a list of files")
    return items


def apply_overrides(node: Node, overrides: Iterable[str] | Mapping[str, Any]) -> Node:
    """`path=value` texts, the value read as YAML; or a map from path to plain value. Later ones win."""
    from pipeline.yaml_load import node_of

    if isinstance(overrides, Mapping):
        given = [(p, node_of(v, Mark(f"override {p}"))) for p, v in overrides.items()]
    else:
        given = [_parse(text) for text in overrides]
    for path, value in given:
        node = put(node, _split(path), value)
    return node


def _parse(text: str) -> tuple[str, Node]:
    path, equals, value = text.partition("=")
    path = path.strip()
    if not equals or not path or any(not part for part in path.split(".")):
        raise UsageError(f"--set {text}: should look like path=value, for example --set seed=3")
    shown = f"--set {text}"
    if not value.strip():
        return path, Node(Mark(shown), None)
    if value.lstrip()[0] in ">|":  # `>= 1000`; in YAML these begin a block of lines, which no option has
        return path, Node(Mark(shown), value.strip())
    loaded = load_text(value, shown)
    return path, _unplaced(loaded, Mark(shown))


def _unplaced(node: Node, mark: Mark) -> Node:
    """The same value, all of it standing at the option itself: a line and column inside it would only confuse."""
    if isinstance(node.value, dict):
        return mapping(mark, {k: _unplaced(v, mark) for k, v in node.value.items()})
    if isinstance(node.value, list):
        return sequence(mark, [_unplaced(v, mark) for v in node.value])
    return Node(mark, node.value)


def _split(path: str) -> list[str]:
    parts = path.split(".")
    for size in range(1, min(len(parts), 4)):
        if _DOTTED.fullmatch(".".join(parts[:size])):
            return [*parts[:size], ".".join(parts[size:])]
    if len(parts) > MAX_DEPTH:
        raise UsageError(f"--set {path[:60]}...: deeper than {MAX_DEPTH} levels")
    return parts


def put(node: Node, path: list[str], value: Node) -> Node:
    """The tree with `value` at `path`. In a list, a part is an index or the name of a step (`stages.extract.engine`)."""
    if not path:
        return value
    head, *rest = path
    if isinstance(node.value, list):
        return _put_in_list(node, head, rest, value)
    if not isinstance(node.value, dict):
        if node.value is not None and not isinstance(node.value, str):
            raise value.mark.error(f"{node.value!r} has no {head!r} in it")
        node = mapping(node.mark, {})
    below = node.value.get(head, Node(value.mark, None))
    keys = {head: value.mark, **node.keys} if rest else {**node.keys, head: value.mark}
    return mapping(node.mark, {**node.value, head: put(below, rest, value)}, keys)


def _put_in_list(node: Node, head: str, rest: list[str], value: Node) -> Node:
    items = list(node.value)
    for place, item in enumerate(items):
        if head == str(place):
            items[place] = put(item, rest, value)
            break
        if head == item.value or (isinstance(item.value, dict) and list(item.value) == [head]):
            step = mapping(item.mark, {head: Node(item.mark, None)}) if head == item.value else item
            items[place] = put(step, [head, *rest], value)
            break
    else:
        raise value.mark.error(f"no item {head!r} there; the list has {_names(items)}")
    return sequence(node.mark, items)


def _names(items: list[Node]) -> str:
    names = [
        i.value if isinstance(i.value, str) else next(iter(i.value), "{}")
        for i in items
        if i.value is not None and isinstance(i.value, str | dict)
    ]
    return ", ".join(names) or f"{len(items)} items"


def refuse_unavailable(node: Node, not_yet: Mapping[str, str]) -> None:
    """Raise RecipeError at the first key that stands in `not_yet`."""
    for path, reason in not_yet.items():
        for mark in _found(node, path.split("."), node.mark):
            raise mark.error(f"{path.rsplit('.', 1)[-1]!r} is not available yet; {reason}")


def _found(node: Node, path: list[str], mark: Mark) -> Iterable[Mark]:
    if not path:
        yield mark
        return
    head, *rest = path
    if isinstance(node.value, dict):
        for key in node.value if head == "*" else [k for k in (head,) if k in node.value]:
            yield from _found(node.value[key], rest, node.keys.get(key, node.value[key].mark))
    elif isinstance(node.value, list) and head == "*":
        for item in node.value:
            yield from _found(item, rest, item.mark)
    elif node.value == head and not rest:
        yield mark
