"""Recipes that mean harm: exit 2 in one to three lines, nothing executed, nothing written but below the output."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.cli import invoke
from pipeline.errors import UsageError
from pipeline.inline import InlineExecutor
from pipeline.recipe import Recipe
from pipeline.runs import run_with
from pipeline.store import Store

GOOD = """\
name: small
output: out
sources: {rows: {read: {jsonl: "in/*.jsonl"}}}
stages: [language]
"""
BOMB = "\n".join(
    [
        "x0: &x0 [a, a, a, a, a, a, a, a, a, a]",
        *(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 9)),
    ]
)
RUNS = "touch executed"
HOSTILE = {
    "python tag": GOOD + f"seed: !!python/object/apply:os.system ['{RUNS}']",
    "python name": GOOD + "seed: !!python/name:os.system",
    "python new": GOOD + "seed: !!python/object/new:subprocess.Popen [['touch', 'executed']]",
    "own tag": GOOD + "seed: !env HOME",
    "binary": GOOD + "seed: !!binary aGk=",
    "alias bomb": GOOD + BOMB,
    "alias in itself": GOOD + "train: &a {x: *a}",
    "duplicate key": GOOD + "name: other",
    "duplicate deep": GOOD + "rules: {language.min_score: 0.1, language.min_score: 0.9}",
    "merge key": GOOD + "train: {<<: {a: 1}}",
    "nan threshold": GOOD + "rules: {language.min_score: .nan}",
    "infinite threshold": GOOD + "rules: {language.min_score: .inf}",
    "infinite by exponent": GOOD + "rules: {language.min_score: 1e999}",
    "nan as text": GOOD + "rules: {language.min_score: 'nan'}",
    "huge seed": GOOD + f"seed: {'9' * 5000}",
    "deep": GOOD + "train: " + "[" * 50_000,
    "deep map": GOOD + "train: " + "{a: " * 5_000 + "1" + "}" * 5_000,
    "control characters": GOOD.replace("small", "sm\x07all"),
    "escapes in a name": GOOD.replace("name: small", 'name: "\\e[31mred"'),
    "newline in a name": GOOD.replace("name: small", 'name: "a\\nb"'),
    "NUL": GOOD + "seed: \x00",
    "NUL in a path": GOOD.replace("in/*.jsonl", "in/\\0.jsonl"),
    "NUL in output": GOOD.replace("output: out", 'output: "o\\0ut"'),
    "no UTF-8": GOOD.encode() + b"license: \xff\xfe",
    "surrogates": GOOD.replace("name: small", 'name: "\\ud800"'),
    "two documents": GOOD + "---\n" + GOOD,
    "name climbs": GOOD.replace("name: small", "name: ../../small"),
    "name absolute": GOOD.replace("name: small", "name: /etc/small"),
    "source climbs": GOOD.replace("rows:", "../../rows:"),
    "key climbs": GOOD.replace("{read:", "{key: ../../../up, read:"),
    "key absolute": GOOD.replace("{read:", "{key: /tmp/up, read:"),
    "crawl key climbs": GOOD.replace('{read: {jsonl: "in/*.jsonl"}}', '{key: ../../up, crawl: {seeds: ["http://127.0.0.1:9/"]}}'),
    "mix climbs": GOOD + "mixes: {../../up: {tokens: 1k}}",
    "mix absolute": GOOD + "mixes: {/tmp/up: {tokens: 1k}}",
    "mix is dots": GOOD + "mixes: {'..': {tokens: 1k}}",
    "mix hides": GOOD + "mixes: {'a\\0b': {tokens: 1k}}".replace("'a\\0b'", '"a\\0b"'),
    "include climbs to what is no recipe": GOOD + "include: [../../../../../../etc/passwd]",
    "include of itself": GOOD + "include: [recipe.yaml]",
    "include of a device": GOOD + "include: [/dev/zero]",
    "include of a directory": GOOD + "include: [.]",
    "unknown key": GOOD + "__class__: x",
    "stage by dotted path": GOOD.replace("[language]", "[os.system]"),
    "stage by module": GOOD.replace("[language]", "['subprocess:run']"),
    "rule by expression": GOOD + "rules: {language.min_score: \"__import__('os').system('touch executed')\"}",
    "where by expression": GOOD + "mixes: {a: {tokens: 1k, parts: [{where: {language: \"> __import__('os')\"}, share: 1}]}}",
    "expect by expression": GOOD + "expect: {documents: \"__import__('os').system('touch executed')\"}",
    "tokens without bound": GOOD + "tokens: 1e400",
    "negative share": GOOD + "mixes: {a: {tokens: 1k, parts: [{where: {}, share: -1}]}}",
    "object store output": GOOD.replace("output: out", "output: file:///etc/out"),
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a directory of its own, with a row to read."""
    folder = tmp_path / "a/b/project"
    (folder / "in").mkdir(parents=True)
    (folder / "in/rows.jsonl").write_text('{"text": "The old captain repaired the broken harbour clock."}\n')
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_recipe_is_refused_and_nothing_happens(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """By `run`: the exit code, a few harmless lines, and no new file anywhere."""
    text = HOSTILE[what]
    (place / "recipe.yaml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    before = everything(tmp_path)
    code = invoke(["run", str(place / "recipe.yaml")])
    said = capsys.readouterr().err
    assert code == 2, said
    assert "Traceback" not in said and 1 <= len(said.splitlines()) <= 3, said
    assert all(c.isprintable() or c == "\n" for c in said), ascii(said)
    assert everything(tmp_path) == before


def everything(folder: Path) -> set[str]:
    return {os.path.join(base, name) for base, folders, names in os.walk(folder) for name in (*folders, *names)}


def test_a_recipe_that_is_no_text_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Too large, a device, a pipe nobody writes to, a directory."""
    (place / "big.yaml").write_bytes(b"a: " + b"x" * (5 << 20))
    for recipe in ("big.yaml", "/dev/zero", ".", "missing.yaml"):
        assert invoke(["run", recipe]) == 2
        assert len(capsys.readouterr().err.splitlines()) <= 3


@pytest.mark.parametrize("room", ["pool", "state/passes", "ledger", "state/tmp"])
def test_a_link_in_the_output_leads_nothing_out_of_it(place: Path, tmp_path: Path, room: str) -> None:
    """A run directory from elsewhere may hold links; neither writing nor sweeping may follow them."""
    (place / "recipe.yaml").write_text(GOOD)
    recipe = Recipe.from_yaml("recipe.yaml")
    run_with(InlineExecutor(Store("out")), recipe)
    victim = tmp_path / "victim"
    (victim / "data").mkdir(parents=True)
    (victim / "data/precious.parquet").write_text("mine")
    before = everything(victim)
    moved = place / "out" / room
    if moved.exists():
        moved.rename(tmp_path / "moved")
    moved.symlink_to(victim)
    with suppress(UsageError):  # where nothing had to be written there, the run may end well
        run_with(InlineExecutor(Store("out")), recipe)
    assert everything(victim) == before and (victim / "data/precious.parquet").read_text() == "mine"
