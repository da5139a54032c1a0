"""From recipes to what runs: files, readers, stages, thresholds, and a document without places or spellings."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from filters.rule import Condition, Rule, rule
from pipeline.digest import canonical
from pipeline.errors import RecipeError
from pipeline.publish import resolved_yaml
from pipeline.recipe import Recipe
from pipeline.resolve import Resolved, resolve, resolved_rules
from pipeline.resolve_rules import apply_overrides
from stages.registry import make_stage

BASE = """name: t
seed: 17
sources:
  web: {read: {warc: "dumps/*.warc.gz"}}
stages: [extract, rules]
dedupe: [exact, minhash: {bands: 20}]
"""


def resolved(folder: Path, text: str = BASE, overrides: Any = ()) -> Resolved:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "r.yaml"
    path.write_text(text, encoding="utf-8")
    return resolve(Recipe.from_yaml(path, overrides))


def refusal(folder: Path, text: str, overrides: Any = ()) -> str:
    with pytest.raises(RecipeError) as caught:
        resolved(folder, text, overrides)
    return str(caught.value).replace(f"{folder}/", "")


def with_source(source: str) -> str:
    return BASE.replace('{read: {warc: "dumps/*.warc.gz"}}', source)


def values(result: Resolved, path: str) -> Any:
    """The value of a threshold in the first source."""
    rules = resolved_rules(result.sources[0], result.overrides)
    return next(one.conditions[-1].value for one in rules if one.path == path)


def test_stages_are_expanded_and_configured(tmp_path: Path) -> None:
    """What runs is a flat list of stages, each with its settings."""
    text = with_source("{read: {warc: a}, set: {extract.engine: resiliparse}}")
    web = resolved(tmp_path, text).sources[0]
    assert web.stages[0].model_dump()["engine"] == "resiliparse"
    assert web.stages[1:] == make_stage("rules", {}).expand() and len(web.stages) > 1
    assert [b.name for b in resolved(tmp_path).barriers] == ["exact", "minhash_candidates", "minhash"]


ROOTS = [
    ("dumps/*.warc.gz", "dumps/*.warc.gz", "dumps"),
    ("dumps/a.warc.gz", "dumps/a.warc.gz", "dumps"),
    ("a/b*/c/*.gz", "a/b*/c/*.gz", "a"),
    ("*.gz", "*.gz", ""),
    ("folder", "folder", "folder"),
    ("folder/", "folder", "folder"),
    ("../up/*.gz", "../up/*.gz", "../up"),
]


@pytest.mark.parametrize(("pattern", "ready", "root"), ROOTS)
def test_the_root_is_what_stands_before_the_first_wildcard(tmp_path: Path, pattern: str, ready: str, root: str) -> None:
    """Ids depend on paths relative to the root, so it may not depend on the working directory or on file names."""
    (tmp_path / "folder").mkdir()
    run = resolved(tmp_path, with_source(f'{{read: {{warc: "{pattern}"}}}}')).sources[0]
    assert list(run.patterns) == [os.path.normpath(tmp_path / ready)]
    assert run.root == os.path.normpath(tmp_path / root)


def test_absolute_patterns_and_urls_stay_what_they_are(tmp_path: Path) -> None:
    """A recipe may name a bucket, or a disk of this machine."""
    text = with_source('{read: {warc: ["s3://b/x/1/*.gz", "s3://b/x/2/*.gz"]}}')
    run = resolved(tmp_path, text).sources[0]
    assert (list(run.patterns), run.root) == (["s3://b/x/1/*.gz", "s3://b/x/2/*.gz"], "s3://b/x")
    assert resolved(tmp_path, with_source('{read: {warc: "/data/*.gz"}}')).sources[0].root == "/data"
    mixed = with_source('{read: {warc: ["s3://b/*.gz", "s3://c/*.gz"]}}')
    assert "r.yaml:4:9: patterns on different hosts" in refusal(tmp_path, mixed)


def test_a_recipe_in_a_folder_with_brackets_finds_its_files(tmp_path: Path) -> None:
    """The recipe's own directory is no pattern."""
    import glob

    folder = tmp_path / "run [1]"
    (folder / "dumps").mkdir(parents=True)
    (folder / "dumps/a.warc.gz").touch()
    for pattern in ("dumps/*.warc.gz", "dumps/a.warc.gz"):
        run = resolved(folder, with_source(f'{{read: {{warc: "{pattern}"}}}}')).sources[0]
        assert [glob.glob(p) for p in run.patterns] == [[str(folder / "dumps/a.warc.gz")]]
        assert run.root == str(folder / "dumps")


def test_every_dump_is_a_run_of_its_own_under_one_key(tmp_path: Path) -> None:
    """The root ends before the placeholder, so files of two dumps keep different relative paths, and ids differ."""
    text = with_source('{read: {warc: "d/{dump}/x/*.gz"}, for: {dump: [a, 2026]}}')
    first, second = resolved(tmp_path, text).sources
    assert (first.dump, second.dump) == ("a", "2026") and first.key == second.key == "web"
    assert first.root == second.root == str(tmp_path / "d")
    assert list(second.patterns) == [str(tmp_path / "d/2026/x/*.gz")]


def test_lists_of_files_are_read_when_they_are_needed(tmp_path: Path) -> None:
    """Common Crawl publishes lists of paths; planning a run whose inputs are frozen must not fetch them again."""
    text = with_source('{read: {warc: "l/{dump}.paths.gz", base: "https://cc/"}, for: {dump: [a]}}')
    run = resolved(tmp_path, text).sources[0]
    assert run.root == "https://cc/" and run.asked == ("l/a.paths.gz",)
    (tmp_path / "l").mkdir()
    with gzip.open(tmp_path / "l/a.paths.gz", "wt") as file:
        file.write("# comment\nx/1.gz\n\nx/2.gz\nx/1.gz\n")
    assert list(run.patterns) == ["https://cc/x/1.gz", "https://cc/x/2.gz"]


@pytest.mark.parametrize(
    ("content", "base", "message"),
    [
        (b"../../etc/passwd\n", "data", "does not lie below the source's `base:`"),
        (b"/etc/passwd\n", "data", "does not lie below the source's `base:`"),
        (b"x/1.gz\n", None, "is no URL, and the source has no `base:`"),
        (gzip.compress(b"x" * 100, mtime=0)[:-9], "data", "damaged gzip"),
        (None, "data", "no list of files matches"),
    ],
)
def test_a_hostile_or_broken_list_is_refused(
    tmp_path: Path, content: bytes | None, base: str | None, message: str
) -> None:
    """A list is data from outside; it can name no file above its base."""
    if content is not None:
        (tmp_path / "a.paths.gz").write_bytes(content)
    more = f", base: {base}" if base else ""
    run = resolved(tmp_path, with_source(f"{{read: {{warc: a.paths.gz{more}}}}}")).sources[0]
    with pytest.raises(RecipeError, match=message):
        list(run.patterns)


REFUSED = [
    ("[extract,", "[extrct,", "5:10: unknown stage 'extrct' (did you mean 'extract'?)"),
    ("[extract,", "[extract: {engin: auto},", "5:20: unknown key 'engin' in pipelines.main.0.extract (did you mean"),
    ("[extract,", "[extract: {engine: x},", "5:20: pipelines.main.0.extract.engine: should be 'auto'"),
    ("[extract,", "[language: {model: no.bin}, extract,", "5:21: no model file 'no.bin'"),
    ("[extract,", "[language: {keep: klingonese}, extract,", "'klingonese' is no language code"),
    ("bands: 20", "bnds: 20", "6:27: unknown key 'bnds' in dedupe.1.minhash (did you mean 'bands'?)"),
    ("[exact,", "[exact, exact,", "6:17: 'exact' is listed twice"),
    ("[exact,", "[exct,", "6:10: unknown dedupe step 'exct'"),
    ("{read:", "{set: {extrct.engine: x}, read:", "4:15: no stage 'extrct' here (did you mean 'extract'?)"),
    ("{read:", "{set: {extract.engin: x}, read:", "4:15: unknown key 'engin' in sources.web.set.extract.engin"),
    ("{read:", "{set: {extract.engine: x}, read:", "4:15: sources.web.set.extract.engine: should be 'auto'"),
    ("{read:", "{set: {extract: x}, read:", "4:15: 'extract' should be stage.setting"),
    ("{read:", "{columns: {text: body}, read:", "4:9: warc has no columns to map"),
    ("{warc:", "{max_byts: 3, warc:", "4:16: unknown key 'max_byts' in sources.web.read (did you mean 'max_bytes'?)"),
    ("seed: 17", "rules: {gopher_quality.min_wrds: 3}", "did you mean 'gopher_quality.min_words'?"),
    ("seed: 17", "rules: {gopher_quality.min_words: many}", "2:9: gopher_quality.min_words should be a number or null"),
    ("seed: 17", "rules: {gopher_quality.min_words: true}", "should be a number or null, not True"),
    ("seed: 17", "rules: {gopher_quality.min_words: [3]}", "should be a number or null, not [3]"),
    ("seed: 17", "rules: {gopher_quality.min_words: {zz9: 3}}", "'zz9' is no language code"),
    ("seed: 17", "rules: {gopher_quality.min_words: {en: x}}", "should be a number or null, not 'x'"),
    ("seed: 17", "rules: {zh.gopher_quality.min_wrds: 3}", "no rule 'zh.gopher_quality.min_wrds'"),
    ("seed: 17", "rules: {gopher_quality.min_words: .nan}", "2:35: .nan is not a number"),
]


@pytest.mark.parametrize(("old", "new", "message"), REFUSED)
def test_what_stages_and_rules_do_not_accept_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    """Found before a byte is read."""
    told = refusal(tmp_path, BASE.replace(old, new, 1))
    assert message in told and told.startswith("r.yaml:") and len(told.splitlines()) <= 3


def test_an_override_replaces_every_active_value(tmp_path: Path) -> None:
    """A language that a profile leaves out stays out."""
    before = values(resolved(tmp_path), "gopher_quality.min_words")
    after = values(resolved(tmp_path, BASE, ["rules.gopher_quality.min_words=60"]), "gopher_quality.min_words")
    assert {k for k, v in before.items() if v is not None} == {k for k, v in after.items() if v == 60}
    assert {k for k, v in before.items() if v is None} == {k for k, v in after.items() if v is None}


def test_an_override_of_a_rule_that_is_off_everywhere_is_its_default() -> None:
    """Somebody who sets a threshold wants it to hold."""
    off = rule("g", "c", "<", {"eng": None, "default": None}, "r", threshold="t")
    (changed,) = apply_overrides([off], {"g.t": 5})
    assert changed.conditions[0].value == {"eng": None, "default": 5}


def test_one_language_can_be_set_alone_however_it_is_spelled(tmp_path: Path) -> None:
    """`zh`, `zho` and `cmn` are one language here; nested maps and dotted paths one spelling."""
    spellings = ["zh.length.min_chars: 150", "cmn: {length: {min_chars: 150}}", "zho: {length.min_chars: 150}"]
    documents = [resolved(tmp_path, BASE + f"rules: {{{s}}}\n").document for s in spellings]
    assert documents[0] == documents[1] == documents[2]
    result = resolved(tmp_path, BASE + f"rules: {{{spellings[0]}}}\n")
    assert values(result, "length.min_chars")["cmn"] == 150
    assert values(result, "length.min_chars")["default"] == values(resolved(tmp_path), "length.min_chars")["default"]


def test_null_switches_a_rule_off_and_leaves_its_place(tmp_path: Path) -> None:
    """The engine deals rules back to their stages by position, so none may vanish."""
    result = resolved(tmp_path, BASE, ["rules.gopher_quality.min_words=null"])
    rules = resolved_rules(result.sources[0], result.overrides)
    assert values(result, "gopher_quality.min_words") is None
    assert [r.path for r in rules] == [r.path for r in resolved_rules(result.sources[0], {})]


def test_switching_off_a_rule_without_a_value_makes_it_catch_nothing() -> None:
    """`not null` compares with nothing, so taking its value away would not stop it."""
    import pyarrow as pa

    from filters.judge import failing

    on = Rule(group="g", conditions=(Condition(column="c", op="not null"),), reason="r", threshold="t")
    (off,) = apply_overrides([on], {"g.t": None})
    rows = pa.table({"c": ["x", None]})
    assert failing(rows, on).any() and not failing(rows, off).any()


def test_the_most_exact_override_wins_whatever_the_order() -> None:
    """One language beats all languages."""
    one = rule("g", "c", "<", {"eng": 1, "default": 2}, "r", threshold="t")
    orders = [{"g.t": 5, "cmn.g.t": 7}, {"cmn.g.t": 7, "g.t": 5}]
    assert {str(apply_overrides([one], o)[0].conditions[0].value) for o in orders} == {
        str({"eng": 5, "default": 5, "cmn": 7})
    }


SAME = [
    ("rules: {gopher_quality.min_words: 60}\n", ["rules.gopher_quality.min_words=60"]),
    ("rules: {gopher_quality: {min_words: 60}}\n", ["rules.gopher_quality.min_words=60"]),
    ("", ["rules.extract.max_mojibake=0.05"]),  # what holds anyway
    ("", ["output=elsewhere"]),
    ("", ["stages.extract.engine=auto"]),  # the default, written out
    ("", ["sources.web.set.extract.engine=auto"]),
    ("", ["sources.web.key=web"]),
]


@pytest.mark.parametrize(("text", "overrides"), SAME)
def test_how_a_recipe_is_spelled_leaves_no_trace(tmp_path: Path, text: str, overrides: list[str]) -> None:
    """Law 1: output place and spelling enter no key, no resolved recipe, no manifest."""
    spelled = resolved(tmp_path, BASE, overrides).document
    assert spelled == resolved(tmp_path, BASE + text).document


def test_pipelines_may_be_renamed_and_the_short_form_written_out(tmp_path: Path) -> None:
    """The same work under other names is the same recipe."""
    renamed = BASE.replace("stages: [extract, rules]", "pipelines: {other: [extract, rules: {}]}")
    assert resolved(tmp_path, renamed).document == resolved(tmp_path).document


def test_the_document_names_no_place_on_this_machine(tmp_path: Path) -> None:
    """Two machines that hold the data elsewhere must resolve to the same bytes."""
    import hashlib

    texts = set()
    for name in ("here", "there/deeper"):
        folder = tmp_path / name
        (folder / "data").mkdir(parents=True)
        (folder / "lid.bin").write_bytes(b"model")
        source = f'{{read: {{jsonl: "{folder}/data/*.jsonl"}}, columns: {{text: body}}}}'
        text = with_source(source).replace("[extract,", "[language: {model: lid.bin},")
        texts.add(resolved_yaml(resolved(folder, text).document).decode())
    (text,) = texts
    assert str(tmp_path) not in text and hashlib.sha256(b"model").hexdigest() in text


def test_the_resolved_recipe_is_a_recipe(tmp_path: Path) -> None:
    """It can be run again, and resolves to itself."""
    text = BASE.replace("stages:", "rules: {cmn.length.min_chars: 150}\nexpect: {documents: '>= 1'}\nstages:")
    first = resolved(tmp_path, text).document
    second = resolved(tmp_path, resolved_yaml(first).decode()).document
    assert canonical(first) == canonical(second)


@pytest.mark.parametrize("spelled", ["m.bin", "{eng: m.bin}", "{eng: {path: m.bin}}", "{default: m.bin}"])
def test_models_are_known_by_their_bytes(tmp_path: Path, spelled: str) -> None:
    """However they are written; the path is where the recipe lies, not where the command was started."""
    import hashlib

    (tmp_path / "m.bin").write_bytes(b"model")
    text = BASE.replace("[extract,", f"[language, extract, quality: {{model: {spelled}}},")
    quality = next(s for s in resolved(tmp_path, text).sources[0].stages if s.name == "quality")
    (model,) = quality.model_dump()["model"].values()
    assert model == {"path": str(tmp_path / "m.bin"), "sha256": hashlib.sha256(b"model").hexdigest()}
    wrong = text.replace(spelled, "{eng: {path: m.bin, sha256: abc}}")
    assert "the recipe says abc" in refusal(tmp_path, wrong)


def test_a_crawl_is_a_source_with_settings_of_its_own(tmp_path: Path) -> None:
    """What it fetches is read as WARC later; the document tells the whole crawl."""
    result = resolved(tmp_path, with_source('{crawl: {seeds: ["https://a.example/"], max_pages: 5}}'))
    assert result.sources[0].reader.name == "warc"
    assert result.document["sources"]["web"]["crawl"]["max_pages"] == 5
    told = refusal(tmp_path, with_source('{crawl: {seeds: ["https://a.example/"], max_page: 5}}'))
    assert "unknown key 'max_page' in sources.web.crawl (did you mean 'max_pages'?)" in told


def test_a_missing_language_model_is_told_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a worker, after the first pages have been extracted."""
    monkeypatch.setenv("WINNOW_LID_MODEL", str(tmp_path / "no.bin"))
    told = refusal(tmp_path, BASE.replace("[extract,", "[language,"))
    assert told.startswith("r.yaml:5:10:") and "winnow doctor --fetch" in told
