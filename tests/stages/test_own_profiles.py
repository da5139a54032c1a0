"""Profiles of single languages in files: what they judge, what they measure, what is refused."""

from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from filters.judge import first_failing
from pipeline.errors import RecipeError
from pipeline.fit import fit_profile
from pipeline.recipe import Recipe
from pipeline.resolve import resolve
from stages.base import Context
from stages.rules import Rules, Signals
from tests.filters.test_profile_fit import sample

GERMAN = """\
language: deu
stop_words: [der, die, das]
filters:
  length: {min_chars: 20}
  gopher_quality: {max_avg_word_length: 8, min_stop_words: 2}
"""


@pytest.fixture
def german(tmp_path: Path) -> Path:
    path = tmp_path / "deu.yaml"
    path.write_text(GERMAN, encoding="utf-8")
    return path


def verdicts(stage: Signals, texts: list[str], languages: list[str | None]) -> list[str]:
    rows = pa.record_batch({"text": pa.array(texts), "language": pa.array(languages, pa.string())})
    found = pa.Table.from_batches([stage.open(Context())(rows)])
    found = found.append_column("language", rows.column("language"))
    rules = stage.rules()
    return [rules[at].path if at >= 0 else "" for at in first_failing(found, rules)]


def test_the_file_judges_its_language_and_no_other(german):
    stage = Signals(filters=("length", "gopher_quality"), own={"de": str(german)})
    texts = ["der Hund und die Katze im Haus", "ein Hund und eine Katze im Haus", "der Hund", "the dog and the cat"]
    assert verdicts(stage, texts, ["deu", "deu", "deu", "eng"]) == [
        "",
        "gopher_quality.min_stop_words",
        "length.min_chars",
        "gopher_quality.min_words",
    ]
    assert verdicts(stage, texts[:1], ["nld"]) == ["length.min_chars"]


def test_what_it_does_not_name_is_off(german):
    """Only its own thresholds hold for German: no word count, no hashes."""
    stage = Signals(filters=("length", "gopher_quality"), profile="fineweb", own={"deu": str(german)})
    assert verdicts(stage, ["# # # der Hund # # und die # # Maus"], ["deu"]) == [""]


def test_a_threshold_enters_the_verdict_and_a_stop_word_the_measure(german):
    def config() -> dict[str, object]:
        (stage,) = Rules(own={"deu": str(german)}).expand()
        return stage.measure_config()

    first = config()
    german.write_text(GERMAN.replace("20", "30"), encoding="utf-8")
    assert config() == first
    german.write_text(GERMAN.replace("das]", "den]"), encoding="utf-8")
    assert config() != first
    assert Rules().expand()[0].measure_config() == {k: v for k, v in first.items() if k != "own"}


def test_a_splitter_of_its_own(german):
    german.write_text(GERMAN + "splitter: segmented\n", encoding="utf-8")
    stage = Signals(filters=("gopher_quality",), own={"deu": str(german)})
    rows = pa.record_batch({"text": ["今天天气很好"], "language": ["deu"]})
    assert stage.open(Context())(rows).column("gopher_quality__words").to_pylist() == [3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("filters: {lenght: {min_chars: 3}}", "did you mean 'length'"),
        ("filters: {length: {min_char: 3}}", "no threshold 'min_char'"),
        ("filters: {length: {min_chars: many}}", "should be a number"),
        ("filter: {}", "unknown key 'filter'"),
        ("- a", "no map with `filters`"),
        ("a: [", "is no YAML"),
        ("filters: {}\nsplitter: letters", "unknown splitter"),
        ("filters: {}\nstop_words: [" + ", ".join(f"w{n}" for n in range(65)) + "]", "at most 64"),
    ],
)
def test_a_wrong_file_is_refused_by_name(german, content, said):
    german.write_text(content, encoding="utf-8")
    with pytest.raises(ValidationError, match=said):
        Rules(own={"deu": str(german)})


def test_a_file_that_changed_since_the_recipe_was_read_is_refused(german):
    (stage,) = Rules(own={"deu": str(german)}).expand()
    german.write_text(GERMAN + "\n", encoding="utf-8")
    from filters.profiles.of_language import load_language_profile

    load_language_profile.cache_clear()
    with pytest.raises(ValueError, match="changed since"):
        stage.rules()


def test_a_fitted_profile_goes_into_a_recipe_as_it_is(tmp_path):
    """`winnow fit profile` writes what `rules: {own: ...}` reads, relative to the recipe."""
    (tmp_path / "sample.txt").write_text("\n".join(sample(1)), encoding="utf-8")
    import json

    (tmp_path / "sample.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in sample(100)), "utf-8")
    told = fit_profile("de", [str(tmp_path / "sample.jsonl")], str(tmp_path / "profiles" / "deu.yaml"))
    assert told["language"] == "deu"
    assert told["held_out"]["kept"] >= 18
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "name: t\nsources:\n  a: {read: {jsonl: sample.jsonl}}\n"
        "stages: [language, {rules: {own: {de: profiles/deu.yaml}}}]\n",
        encoding="utf-8",
    )
    stages = resolve(Recipe.from_yaml(recipe)).sources[0].stages
    assert stages[-1].profiles["deu"].stop_words
    recipe.write_text(recipe.read_text("utf-8").replace("deu.yaml", "fra.yaml"), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"fra\.yaml"):
        resolve(Recipe.from_yaml(recipe))
