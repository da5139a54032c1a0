"""JSON Schema of the recipe: the models' own, with the short form and every stage's settings for editor completion."""

from typing import Any

from pipeline.recipe import Recipe
from pipeline.recipe_models import FORMATS

ID = "https://json-schema.org/draft/2020-12/schema"

_MODEL_FILE = {
    "description": "a model file: its path, relative to the recipe; with sha256 it must be that very file",
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"path": {"type": "string"}, "sha256": {"type": "string"}},
            "required": ["path"],
            "additionalProperties": False,
        },
    ],
}


def recipe_schema() -> dict[str, Any]:
    """The schema of a recipe file in its short or its full form."""
    schema = Recipe.model_json_schema(by_alias=True)
    properties, definitions = schema["properties"], schema["$defs"]
    steps, dedupe = _steps(definitions), _dedupe(definitions)
    pipeline = {"type": "array", "items": {"$ref": "#/$defs/Stage"}}
    definitions["Stage"] = {"description": "a stage, by its name or with settings", "anyOf": steps}
    properties["stages"] = pipeline | {"description": "short form of `pipelines:` with one pipeline for every source"}
    properties["pipelines"]["additionalProperties"] = pipeline
    properties["dedupe"]["items"] = {"anyOf": dedupe}
    properties["tokens"] = definitions["MixSpec"]["properties"]["tokens"] | {
        "description": "short form of `mixes:`: one mix of everything, of about so many tokens"
    }
    properties["include"] = {
        "description": "recipe files merged first; this file wins, maps merge, lists replace",
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
    }
    definitions.pop("Step", None)
    _sources(definitions)
    definitions["ModelFile"] = _MODEL_FILE
    return {"$schema": ID, "schema": "winnow.recipe-schema/1", "title": "Winnow recipe", **_untitled(schema)}


def _sources(definitions: dict[str, Any]) -> None:
    """One format in `read:`, with the settings of the readers; `read:` or `crawl:`."""
    from stages.read import SOURCES

    read = definitions["Read"]
    for source in SOURCES.values():
        own = source.model_json_schema(ref_template="#/$defs/{model}")
        definitions |= own.pop("$defs", {})
        read["properties"] |= {k: v for k, v in own.get("properties", {}).items() if k != "columns"}
    read["additionalProperties"] = False
    read["oneOf"] = [{"required": [form]} for form in FORMATS]
    definitions["SourceSpec"]["oneOf"] = [{"required": ["read"]}, {"required": ["crawl"]}]


def _steps(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    from stages.registry import names, stage_class, stage_names

    bare = {"enum": list(names())}
    classes = {name: stage_class(name) for name in stage_names()}
    return [bare, *(_with_settings(name, model, definitions) for name, model in classes.items()), _any_filter()]


def _any_filter() -> dict[str, Any]:
    from stages.registry import filter_names

    settings = {"$ref": "#/$defs/stage_signals"}
    named = dict.fromkeys(sorted(filter_names()), settings)
    return {
        "type": "object",
        "properties": named,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _dedupe(definitions: dict[str, Any]) -> list[dict[str, Any]]:
    from stages.dedupe import KNOWN

    settings = [_with_settings(name, model, definitions) for name, model in KNOWN.items()]
    return [{"enum": list(KNOWN)}, *settings]


def _with_settings(name: str, model: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """`{name: {settings}}`, the settings' own schema among the definitions."""
    own = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions |= own.pop("$defs", {})
    definitions[f"stage_{name}"] = own | {"required": []}
    inner = {"anyOf": [{"$ref": f"#/$defs/stage_{name}"}, {"type": "null"}]}
    return {
        "type": "object",
        "properties": {name: inner},
        "required": [name],
        "additionalProperties": False,
    }


def _untitled(value: Any) -> Any:
    """Without the titles pydantic makes of field names: editors show them instead of the keys."""
    if isinstance(value, dict):
        return {k: _untitled(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}
    return [_untitled(v) for v in value] if isinstance(value, list) else value
