"""A state machine over a run's life: plan, run, fail, die, edit, damage, lock. A whole run gives what a fresh one gives."""

import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pipeline.errors import Locked, StorageError
from pipeline.inline import InlineExecutor
from pipeline.lock import run_lock
from pipeline.planning import plan
from pipeline.recipe import Recipe
from pipeline.runs import run_with
from pipeline.store import Store
from pipeline.verify import verify
from tests.faults.small_job import FULL, differences, tree, write_job
from tests.faults.test_damage import HARMS, harm

EDITS: tuple[tuple[str, ...], ...] = (
    (),
    ("rules.language.min_score=0.97",),
    ("rules.language.keep=[en]",),
    ("mixes.all.validation.share=0",),
    ("seed=18",),
)


class Death(BaseException):
    """The process is gone."""


class RunLife(RuleBasedStateMachine):
    """One output directory; the oracle is a fresh run of the recipe as it stands."""

    fresh: dict[int, dict[str, str]]
    folder: Path
    recipe: Path

    def __init__(self) -> None:
        super().__init__()
        self.output = Path(tempfile.mkdtemp(dir=self.folder)) / "out"
        self.edit = 0
        self.finished = False

    def settings(self) -> Recipe:
        return Recipe.from_yaml(self.recipe, EDITS[self.edit])

    def run_it(self, hook: Any = None) -> None:
        run_with(InlineExecutor(Store(self.output, hook)), self.settings())

    @rule(edit=st.integers(0, len(EDITS) - 1))
    def edits_the_recipe(self, edit: int) -> None:
        self.finished = self.finished and edit == self.edit
        self.edit = edit

    @rule()
    def plans(self) -> None:
        before = tree(self.output)
        told = plan(self.settings(), self.output)
        assert tree(self.output) == before
        if self.finished:
            assert told["complete"]

    @rule()
    def runs(self) -> None:
        self.run_it()
        self.finished = True
        verify(self.output, clean=True)

    @rule(at=st.integers(1, 260), dies=st.booleans())
    def is_struck(self, at: int, dies: bool) -> None:
        count = 0

        def strike(operation: str, path: str) -> None:
            nonlocal count
            count += 1
            if count >= at and (dies or count == at):
                raise Death if dies else OSError(5, "Input/output error", path)

        try:
            self.run_it(strike)
            self.finished = True
        except (Death, StorageError):
            self.finished = False

    @precondition(lambda self: self.output.exists())
    @rule(how=st.sampled_from(HARMS), seed=st.integers(0, 1000))
    def loses_a_file(self, how: str, seed: int) -> None:
        rng = random.Random(seed)
        files = sorted(tree(self.output))
        if files:
            victim = self.output / rng.choice(files)
            if victim.stat().st_size:
                harm(victim, how, rng)
                self.finished = False

    @rule()
    def is_locked(self) -> None:
        before = tree(self.output)
        with run_lock(Store(self.output)), pytest.raises(Locked):
            self.run_it()
        assert tree(self.output) == before

    @invariant()
    def a_finished_run_is_the_fresh_one(self) -> None:
        if self.finished:
            assert not differences(results(self.output), self.oracle())
            assert verify(self.output)["ok"]

    def oracle(self) -> dict[str, str]:
        if self.edit not in self.fresh:
            place = self.folder / f"fresh-{self.edit}"
            run_with(InlineExecutor(Store(place)), self.settings())
            self.fresh[self.edit] = results(place)
        return self.fresh[self.edit]

    def teardown(self) -> None:
        shutil.rmtree(self.output.parent)


def results(output: Path) -> dict[str, str]:
    """All but state: what older settings left there may differ."""
    return {path: sha for path, sha in tree(output).items() if not path.startswith("state/")}


@pytest.mark.timeout(3600)
def test_whatever_happens_a_run_ends_like_a_fresh_one(tmp_path: Path) -> None:
    """Any order of running, failing, dying, editing, damaging and locking."""
    RunLife.folder, RunLife.recipe, RunLife.fresh = tmp_path, write_job(tmp_path / "job"), {}
    run_state_machine_as_test(
        RunLife,
        settings=settings(
            max_examples=40 if FULL else 4,
            stateful_step_count=20 if FULL else 8,
            deadline=None,
            derandomize=not FULL,
            suppress_health_check=list(HealthCheck),
        ),
    )
