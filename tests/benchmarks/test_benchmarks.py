"""The benchmark's own code, at a size of seconds and without peers: figures are taken, the page and the gate follow them."""

import pytest

from tests.benchmarks import gate, ours
from tests.benchmarks.contest import Contest, Outcome, Side, hold
from tests.benchmarks.data import Data, prepare
from tests.benchmarks.growth import Growth
from tests.benchmarks.limits import Limit
from tests.benchmarks.report import Measured, page


@pytest.fixture(scope="module")
def data(tmp_path_factory, language_model) -> Data:
    """The demo's pages: what a machine without the evaluation data is measured on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WINNOW_DATA", "/nowhere")
        return prepare(tmp_path_factory.mktemp("bench"), 12)


def outcome(**cpu: list[float]) -> Outcome:
    sides = (Side("ours", "", {}), Side("peer", "", {}, peer=True))
    contest = Contest("toy", "Toy", 10, "documents", sides, {("ours", "peer"): 2.0})
    nothing = dict.fromkeys(cpu, 1 << 20)
    return Outcome(contest, cpu, nothing, nothing)


def test_input_is_made_once(data):
    assert 0 < data.english <= data.texts <= data.pages <= 12
    assert prepare(data.folder.parent, 12) == data


def test_every_stage_of_ours_can_be_measured(data, tmp_path):
    """Each task works through its items in this process; what they cost is left to `make bench`."""
    table = data.table("texts")
    tasks = [ours.warc_read(str(data.warcs)), ours.language(table), ours.minhash(table)]
    tasks += [ours.tokens(table, str(data.tokenizer)), ours.write(table, str(tmp_path))]
    tasks += [ours.extract(data.table("pages"), "resiliparse", {})]
    for task in tasks:
        assert len(task.items()) > 0
        assert all(task.each(item) is not False for item in task.items())


def test_sides_take_turns_in_processes_of_their_own(data):
    table = {"table": data.table("texts"), "tokenizer": str(data.tokenizer)}
    sides = (Side("ours", "tokens", table), Side("peer", "hugging_face_tokens", table, peer=True, apart=False))
    found = hold(Contest("tokens", "Tokens", data.texts, "documents", sides, rounds=2))
    assert [len(seconds) for seconds in found.cpu.values()] == [2, 2]
    assert all(seconds > 0 for side in found.cpu.values() for seconds in side)
    assert all(peak > 1 << 20 for peak in found.peak.values())


def test_a_side_that_fails_says_why():
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        hold(Contest("lost", "Lost", 1, "documents", (Side("ours", "language", {"table": "/nowhere.parquet"}),)))


def test_ratios_are_taken_round_by_round_and_misses_are_named(data):
    found = outcome(ours=[1.0, 2.0, 1.0], peer=[3.0, 3.0, 1.5])
    assert found.ratios("ours", "peer") == [3.0, 1.5, 1.5]
    text = page(Measured("2026-01-02", "a machine", {}, data, [found], ["End to end"], [Limit("start", 1.0, "s", 0.5)]))
    assert "| Toy | ours | peer | 1.50x (1.50 .. 3.00) | 2x: missed |" in text
    assert "Not measured for this page: End to end." in text
    assert "| start | 1.00 s | <= 0.5 s: missed |" in text


def test_the_slope_is_one_where_every_document_costs_the_same():
    assert Growth(1.0, {10: 2.0, 100: 20.0, 1000: 200.0}, {}).slope == pytest.approx(1.0)
    assert Growth(1.0, {10: 1.0, 100: 100.0}, {}).slope == pytest.approx(2.0)


def test_the_gate_compares_ratios_not_times(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "ACCEPTED", tmp_path / "ratios.json")
    gate.accept(gate.ratios([outcome(ours=[1.0], peer=[4.0])]))
    slower_machine = gate.ratios([outcome(ours=[9.0], peer=[36.0])])
    slower_code = gate.ratios([outcome(ours=[2.0], peer=[4.0])])
    assert gate.regressions(slower_machine, gate.load()) == []
    assert gate.regressions(slower_code, gate.load()) == ["toy: ours / peer: 2.00, accepted 4.00, least 2.40"]
    assert gate.regressions({}, gate.load()) == []
