"""Recipes as data: both forms, every refusal with its place, includes, overrides, and a fuzzer."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import recipe as recipe_module
from pipeline.errors import RecipeError, UsageError
from pipeline.recipe import Recipe

SHORT = """name: quickstart
seed: 17
output: runs/quickstart
sources:
  web: {read: {warc: "dumps/*.warc.gz"}}
stages: [url_rules, extract, clean_lines, language, rules]
dedupe: [exact, minhash]
"""


@pytest.fixture
def everything_available(monkeypatch: pytest.MonkeyPatch) -> None:
    """What later work brings, switched on."""
    monkeypatch.setattr(recipe_module, "NOT_YET", {})


def write(folder: Path, text: str, name: str = "r.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str, **more: Any) -> str:
    """The message for a recipe text, without the folder it lay in."""
    with pytest.raises(UsageError) as caught:
        Recipe.from_yaml(write(folder, text), **more)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{folder}/", "")


def test_the_short_form_becomes_the_full_form(tmp_path: Path, everything_available: None) -> None:
    """Everything behind the recipe knows one form only."""
    short = Recipe.from_yaml(write(tmp_path, SHORT + "tokens: 50M\n"))
    full = SHORT.replace("stages: [", "pipelines: {main: [").replace("rules]", "rules]}")
    long = Recipe.from_yaml(write(tmp_path, full + "mixes: {main: {tokens: 50_000_000}}\n"))
    assert short.model_dump() == long.model_dump()
    assert [step.name for step in short.pipeline_of("web")[1]][:2] == ["url_rules", "extract"]
    assert short.mixes["main"].tokens == 50_000_000 and short.mixes["main"].parts[0].share == 1


def test_the_full_form_of_the_contract_is_understood(everything_available: None) -> None:
    """The example users are shown is the first thing they paste."""
    recipe = Recipe.from_yaml(Path(__file__).parent / "full_form.yaml")
    assert set(recipe.sources) == {"cc", "inhouse", "site", "last_year", "chat"}
    assert recipe.sources["cc"].for_ == {"dump": ("CC-MAIN-2026-33", "CC-MAIN-2026-38")}
    assert recipe.pipeline_of("last_year") == ("none", ())
    assert recipe.mixes["pretrain"].parts[0].where == {"language": "cmn"}
    assert recipe.expect.plain() == {"documents": ">= 1000", "language.eng": ">= 0.3"}
    assert recipe.pipelines["web"][3].settings == {"keep": ["en", "zh"], "min_score": 0.65}


REFUSED = [
    ("stags: [", "stages: [", "6:1: unknown key 'stags' (did you mean 'stages'?)"),
    ("red: {", "read: {", "5:9: unknown key 'red' (did you mean 'read'?)"),
    ("wrac: ", "warc: ", "5:16: unknown key 'wrac' (did you mean 'warc'?)"),
    ("", "name: quickstart\n", "1:1: missing key 'name'"),
    ("name: ../evil", "name: quickstart", "1:1: name: '../evil' can't be a name"),
    ("name: /etc/x", "name: quickstart", "1:1: name: '/etc/x' can't be a name"),
    ('name: "a\\nb"', "name: quickstart", "can't be a name"),
    ("name: 5", "name: quickstart", "1:1: name: should be a valid string, not 5"),
    ("we/b:", "web:", "5:3: sources.we/b: 'we/b' can't be a name"),
    ("seed: '17'", "seed: 17", "2:1: seed: should be a valid integer, not '17'"),
    ("seed: true", "seed: 17", "2:1: seed: should be a valid integer, not True"),
    ("seed: -1", "seed: 17", "2:1: seed: should be greater than or equal to 0"),
    ("winnow: 2\nseed: 17", "seed: 17", "2:1: winnow: should be 1, not 2"),
    ("extract: 3,", "extract,", "6:21: pipelines.main.1: the settings of 'extract' should be a map"),
    ("[extract],", "extract,", "6:21: pipelines.main.1: should be a name"),
    ("{dump}/*", "dumps/*", "5:3: sources.web: {dump} stands for nothing"),
    ("{for: {dump: [a]}, read", "{read", "5:3: sources.web: `for: dump` is not used"),
    ("{pipeline: other, read", "{read", "5:9: source 'web' wants the pipeline 'other'; there is main, none"),
    ("read: {warc: x, jsonl: y}} #", "read: {", "5:9: sources.web.read: should name one of warc"),
    ("read: {warc: []}} #", "read: {", "5:16: sources.web.read.warc: should name at least one"),
    ("pipelines: {x: [a]}\nstages: [", "stages: [", "`stages:` is the short form of `pipelines:`"),
    ("sources: {}\nx:", "sources:", "unknown key 'x'"),
    ("expect: {docs: '> 1'}\nstages", "stages", "6:10: unknown key 'docs' (did you mean 'documents'?)"),
    ("expect: {documents: 3}\nstages", "stages", "6:10: expect.documents: 3 is no comparison"),
]


@pytest.mark.parametrize(("new", "old", "message"), REFUSED)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, new: str, old: str, message: str) -> None:
    """file:line:column, what is wrong, what was meant: in at most three lines."""
    told = refusal(tmp_path, SHORT.replace(old, new, 1))
    assert message in told and told.startswith("r.yaml:") and len(told.splitlines()) <= 3


MIXES = [
    ("{parts: [{share: 0.3}, {share: 0.3}]}", "mixes.m.parts: the shares sum to 0.6"),
    ("{tokens: 50X}", "mixes.m.tokens: '50X' is no count"),
    ("{tokens: 0}", "mixes.m.tokens: should be greater than or equal to 1"),
    ("{parts: [{where: {q: '>= x'}, share: 1}]}", "where.q: '>= x' compares with no number"),
    ("{parts: [{where: {language: klingonese}, share: 1}]}", "'klingonese' is no language code"),
    ("{tokenizer: {}}", "mixes.m.tokenizer: should be one of"),
    ("{tokenizer: {train: {vocab_size: 10}}}", "vocab_size: should be greater than or equal to 260"),
    ("{shortage: panic}", "mixes.m.shortage: should be 'shrink', 'repeat' or 'error'"),
    ("{validation: {share: 1.0}}", "mixes.m.validation.share: should be less than 1"),
]


@pytest.mark.parametrize(("mix", "message"), MIXES)
def test_a_mix_that_cannot_be_made_is_refused(
    tmp_path: Path, everything_available: None, mix: str, message: str
) -> None:
    """Before hours of extraction, not after."""
    assert message in refusal(tmp_path, SHORT + f"mixes: {{m: {mix}}}\n")


def test_many_mistakes_are_told_in_three_lines(tmp_path: Path) -> None:
    """The first ones with their places, and how many more."""
    sources = "".join(f"  s{n}: {{read: {{warc: x}}, license: {n}}}\n" for n in range(6))
    told = refusal(tmp_path, f"name: a\nsources:\n{sources}").splitlines()
    assert len(told) == 3 and told[2] == "and 4 more"


UNAVAILABLE = [
    ("sources.*.format", "{read", "{format: alpaca, read"),
    ("stages.*.extract", "x", "x"),
    ("stages.*.rules", "rules]", "rules: {profile: minimal}]"),
    ("pipelines.*.*.rules", "stages: [url_rules, extract, clean_lines, language, rules]", "pipelines: {a: [rules]}"),
    ("seed", "x", "x"),
]


@pytest.mark.parametrize(("path", "old", "new"), UNAVAILABLE)
def test_what_is_not_available_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, old: str, new: str
) -> None:
    """Ignoring a key would give the user another corpus than the one asked for. The table names keys, stages, settings."""
    monkeypatch.setattr(recipe_module, "NOT_YET", {path: "do without"})
    told = refusal(tmp_path, SHORT.replace(old, new, 1) if old != new else SHORT)
    assert f"{path.rsplit('.', 1)[-1]!r} is not available yet; do without" in told and told.startswith("r.yaml:")


def test_paths_are_taken_from_where_the_recipe_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same recipe means the same from every working directory."""
    path = write(tmp_path / "deep", SHORT)
    monkeypatch.chdir(tmp_path)
    recipe = Recipe.from_yaml("deep/r.yaml")
    assert recipe.output_path == str(tmp_path / "deep/runs/quickstart") == Recipe.from_yaml(path).output_path
    assert recipe.place("s3://bucket/x") == "s3://bucket/x"


def test_an_included_file_lies_beneath_the_one_that_includes_it(tmp_path: Path) -> None:
    """Maps merge, lists replace, this file wins; places still point into the file a value came from."""
    write(tmp_path, "seed: 1\nstages: [extract]\nrules: {a.b: 1, a.c: 2}\n", "base/low.yaml")
    write(tmp_path, "include: low.yaml\nseed: 2\nrules: {a.b: 3}\n", "base/web.yaml")
    text = "include: [base/web.yaml]\nname: x\nsources: {w: {read: {text: '*.txt'}}}\nrules: {a.d: 4}\n"
    recipe = Recipe.from_yaml(write(tmp_path, text))
    assert recipe.seed == 2 and recipe.rules == {"a.b": 3, "a.c": 2, "a.d": 4}
    write(tmp_path, "seed: x\n", "base/web.yaml")
    assert refusal(tmp_path, text).startswith("base/web.yaml:1:1: seed:")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("include: r.yaml", "r.yaml:1:10: r.yaml includes itself"),
        ("include: [no.yaml]", "r.yaml:1:11: can't include no.yaml: no such file"),
        ("include: {a: b}", "r.yaml:1:10: `include:` should be a list of files"),
        ("include: [3]", "r.yaml:1:11: `include:` should be a list of files"),
        ("include: [loop.yaml]", "loop.yaml:1:10: r.yaml includes itself"),
        ("include: [list.yaml]", "list.yaml:1:1: a recipe is a map of keys"),
    ],
)
def test_an_include_that_leads_nowhere_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Cycles end, missing files are named where they are asked for."""
    write(tmp_path, "include: r.yaml", "loop.yaml")
    write(tmp_path, "[1]", "list.yaml")
    assert refusal(tmp_path, text) == message or message in refusal(tmp_path, text)


OVERRIDES = [
    ("seed=3", lambda r: r.seed == 3),
    ("output=elsewhere", lambda r: r.output == "elsewhere"),
    ("rules.gopher_quality.min_words=60", lambda r: r.rules == {"gopher_quality.min_words": 60}),
    ("rules.zh.length.min_chars=null", lambda r: r.rules == {"zh.length.min_chars": None}),
    ("sources.web.read.warc=[a, b]", lambda r: r.sources["web"].read.warc == ("a", "b")),
    ("sources.web.set.extract.engine=x", lambda r: r.sources["web"].set_ == {"extract.engine": "x"}),
    ("stages.extract.engine=x", lambda r: r.pipelines["main"][1].settings == {"engine": "x"}),
    ("stages.1=extract_all", lambda r: r.pipelines["main"][1].name == "extract_all"),
    ("dedupe.minhash.bands=20", lambda r: r.dedupe[1].settings == {"bands": 20}),
    ("expect.language.en=>= 0.5", lambda r: r.expect.plain() == {"language.eng": ">= 0.5"}),
    ("expect.language.en='> 0.5'", lambda r: r.expect.plain() == {"language.eng": "> 0.5"}),
]


@pytest.mark.parametrize(("override", "holds"), OVERRIDES)
def test_set_reaches_every_value_by_its_path(tmp_path: Path, override: str, holds: Any) -> None:
    """The paths are those that messages and `winnow stages` print."""
    assert holds(Recipe.from_yaml(write(tmp_path, SHORT), [override]))


def test_the_last_override_wins_and_steps_keep_what_they_had(tmp_path: Path) -> None:
    """`--set` can be given many times; it changes one setting of a step, not the others."""
    text = SHORT.replace("extract,", "extract: {engine: a, favor: b},")
    recipe = Recipe.from_yaml(write(tmp_path, text), ["stages.extract.engine=c", "stages.extract.engine=d"])
    assert recipe.pipelines["main"][1].settings == {"engine": "d", "favor": "b"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "--set seed: should look like path=value"),
        ("=3", "should look like path=value"),
        ("a..b=3", "should look like path=value"),
        ("seed=x", "--set seed=x: seed: should be a valid integer, not 'x'"),
        ("sed=3", "--set sed=3: unknown key 'sed' (did you mean 'seed'?)"),
        ("seed=!!python/none", "--set seed=!!python/none:1:1: the tag"),
        ("seed.x=3", "--set seed.x=3: 17 has no 'x' in it"),
        ("stages.extrct.engine=x", "no item 'extrct' there; the list has url_rules, extract"),
        (".".join("a" * 99) + "=1", "deeper than 60 levels"),
    ],
)
def test_a_wrong_override_is_blamed_on_the_command_line(tmp_path: Path, override: str, message: str) -> None:
    """The mistake is not in the file, so the message does not point there."""
    assert message in refusal(tmp_path, SHORT, overrides=[override])


def test_plain_data_makes_the_same_recipe(tmp_path: Path) -> None:
    """The Python API has no other rules than the file."""
    data = {"name": "a", "sources": {"w": {"read": {"text": "*.txt"}, "for": {}}}, "stages": ["extract"]}
    text = "name: a\nsources: {w: {read: {text: '*.txt'}}}\nstages: [extract]\n"
    read = Recipe.from_yaml(write(tmp_path, text))
    assert Recipe.from_dict(data, tmp_path).model_dump() == read.model_dump()
    with pytest.raises(RecipeError, match="recipe: unknown key 'nmae'"):
        Recipe.from_dict({**data, "nmae": 1})
    with pytest.raises(RecipeError, match="numbers must be finite"):
        Recipe.from_dict({**data, "rules": {"a.b": float("nan")}})


def test_two_sources_may_not_share_a_key(tmp_path: Path) -> None:
    """The key is what ids are made of."""
    text = "name: a\nsources: {w: {read: {text: a}}, v: {key: w, read: {text: b}}}\n"
    assert "sources 'w' and 'v' share the key 'w'; ids would clash" in refusal(tmp_path, text)


words = st.sampled_from(
    [
        "name",
        "seed",
        "sources",
        "stages",
        "read",
        "warc",
        "include",
        "mixes",
        "parts",
        "where",
        "for",
        "dump",
        "a",
        "..",
        "",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*sorted(Recipe.model_fields), "stages", "tokens"]), values, max_size=6),
    st.booleans(),
)
def test_no_data_makes_anything_but_a_recipe_or_a_recipe_error(data: dict[str, Any], named: bool) -> None:
    """Fuzz: hostile recipes end with exit code 2 and one to three lines."""
    base = {"name": "a", "sources": {"w": {"read": {"text": "x"}}}} if named else {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe_module, "NOT_YET", {})
        try:
            Recipe.from_dict({**base, **data})
        except UsageError as error:
            assert 1 <= len(str(error).splitlines()) <= 3
