"""Exact and near-duplicate removal, run through the barriers as the engine runs them."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.base import VERDICTS
from stages.dedupe import Exact, barriers
from tests.stages.barrier_driver import by_id, documents, removed, run

DAY = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 10)]


def rows(result: pa.Table) -> dict[str, dict]:
    return {row["id"]: row for row in result.to_pylist()}


def words(seed: int, count: int) -> list[str]:
    return [f"w{seed}x{k}" for k in range(count)]


def near_copies() -> pa.Table:
    """Three families of near copies, chains included, and loners."""
    texts = []
    for family in range(3):
        base = words(family, 120)
        texts += [" ".join(base), " ".join(base[:-1]), " ".join([*base[3:], "tail"]), " ".join(base[9:] + base[:2])]
    texts += [" ".join(words(90 + k, 40)) for k in range(4)] + ["", None, "   ", "short text", "Short, text!"]
    scores = [None if k % 3 == 0 else (k * 7 % 10) / 10 for k in range(len(texts))]
    return documents(texts, quality_score=scores, date=[DAY[k % 4] for k in range(len(texts))])


def twice(table: pa.Table) -> pa.Table:
    """Every document again, under another id."""
    return pa.concat_tables([table, table.set_column(0, "id", [[f"e{k:04d}" for k in range(table.num_rows)]])])


@pytest.mark.parametrize("steps", [[("exact", {})], [("minhash", {})], [("minhash", {"link": "direct"})]])
def test_no_split_order_or_partitioning_changes_a_verdict(steps, tmp_path):
    """Workers finish in any order and the engine picks the number of partitions; the corpus must not notice."""
    chosen = [b for name, config in steps for b in barriers(name, config)]
    table = twice(near_copies())
    expected = by_id(run(chosen, table, tmp_path))
    assert expected.schema == pa.schema([f for f in VERDICTS if f.name != "handle"])
    assert 0 < len(removed(expected)) < table.num_rows
    for seed in range(6):
        shape = {"units": 1 + seed, "batch": [1, 2, 5, 100][seed % 4], "partitions": [1, 3, 7][seed % 3]}
        assert by_id(run(chosen, table, tmp_path, seed=seed, **shape)).equals(expected)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["", "a", "b c", "b c d e f g", "b c d e f h", "字字字字字字字", None]), max_size=9),
    st.data(),
)
def test_any_small_corpus_gives_the_same_verdicts_however_it_is_cut(tmp_path, texts, data):
    """Ties, empties, one-word texts, empty units and empty partitions are where order sneaks in."""
    table = documents(texts)
    for name in ("exact", "minhash"):
        expected = by_id(run(barriers(name, {}), table, tmp_path))
        shape = {"units": data.draw(st.integers(1, 4)), "batch": data.draw(st.integers(1, 4))}
        shape |= {"partitions": data.draw(st.sampled_from([1, 3, 7])), "seed": data.draw(st.integers(0, 99))}
        assert by_id(run(barriers(name, {}), table, tmp_path, **shape)).equals(expected)


GOLDEN = {
    "exact": "89cfe603d1112a23436eb1f130c915fd06b91edac2a74ebc059c6d525bb5ada6",
    "minhash": "f2f66945195c5e64bc4d48591a2f5681b86232d76640a444a12ecc80f78e31cf",
}


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_verdicts(name, tmp_path):
    """When this fails on purpose, raise the barrier's version: stored results of the old code must not be reused."""
    plain = json.dumps(by_id(run(barriers(name, {}), twice(near_copies()), tmp_path)).to_pylist(), sort_keys=True)
    assert hashlib.sha256(plain.encode()).hexdigest() == GOLDEN[name]
    assert [b.version for b in barriers(name, {})] == {"exact": [1], "minhash": [1, 1]}[name]


def test_verdicts_come_sorted_by_handle(tmp_path):
    """The engine joins them to units by handle, without sorting again."""
    for name in ("exact", "minhash"):
        handles = run(barriers(name, {}), near_copies(), tmp_path, units=3, partitions=7)["handle"].to_pylist()
        assert handles == sorted(handles)


def test_exact_copies_go_and_the_evidence_names_the_keeper(tmp_path):
    """Only equal bytes are exact copies; the same record read twice is told apart from a copy."""
    table = documents(["same", "same", "Same", "same", "other"], record_key=["r1", "r2", "r3", "r1", "r5"])
    found = rows(run(barriers("exact", {}), table, tmp_path))
    assert set(found) == {"d0000", "d0001", "d0003"}
    assert {i: (r["removed"], r["kind"], r["keeper_id"], r["via_id"]) for i, r in found.items()} == {
        "d0000": (False, None, "d0000", None),
        "d0001": (True, "exact", "d0000", "d0000"),
        "d0003": (True, "record", "d0000", "d0000"),
    }
    assert {(r["cluster"], r["cluster_size"], r["loose_cluster"]) for r in found.values()} == {("d0000", 3, "d0000")}


@pytest.mark.parametrize("name", ["exact", "minhash"])
def test_nothing_is_merged_because_it_is_empty(name, tmp_path):
    """Two pages without text have nothing in common."""
    table = documents(["", "", None, None, "  \n", "  \n", "\u3000", "\u3000", "\x0b\x85\xa0", "\x0b\x85\xa0"])
    assert run(barriers(name, {}), table, tmp_path).num_rows == 0


@pytest.mark.parametrize("name", ["exact", "minhash"])
def test_bytes_that_are_no_utf8_do_not_stop_a_run(name, tmp_path):
    """Nothing checks text columns of foreign Parquet; a broken one must be judged like any other."""
    raw = pa.array([b"caf\xe9 au lait", b"caf\xe9 au lait", b"\xff", b"\xe4\xbd"], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 4, raw.buffers())
    table = documents([""] * 4)
    table = table.set_column(table.schema.get_field_index("text"), "text", broken)
    assert removed(run(barriers(name, {}), table, tmp_path)) == {"d0001"}


def test_short_texts_are_near_copies_of_their_equals_only(tmp_path):
    """One word, one letter a thousand times: a text below n tokens is one shingle, so it is equal or it is nothing alike."""
    table = documents(["word", "word", "Word!", "other", "z" * 1000, "z" * 1001, "字", "字字"])
    assert removed(run(barriers("minhash", {"prefer": ["id"]}), table, tmp_path)) == {"d0001", "d0002"}


def test_a_text_of_fifty_megabytes_and_its_copy_are_found(tmp_path):
    """Size is no reason to fail or to merge: the third differs in every word."""
    long, other = (" ".join(f"{name}{k % 4000}" for k in range(7_000_000)) for name in ("word", "term"))
    table = documents([long, long + " end", other, "a" * 50_000_000])
    assert removed(run(barriers("minhash", {"prefer": ["id"]}), table, tmp_path)) == {"d0001"}


def test_punctuation_alone_is_no_ground_for_a_near_copy(tmp_path):
    """Lone combining marks and symbols leave no token."""
    assert (
        run(barriers("minhash", {}), documents(["...", "...", "\u0301\u0301", "!?", "😀", "😀"]), tmp_path).num_rows
        == 0
    )


@pytest.mark.parametrize(
    ("prefer", "keeper"),
    [
        (("quality_score", "newest", "id"), "d0002"),
        (("newest", "id"), "d0003"),
        (("longest",), "d0001"),
        (("id",), "d0000"),
        (("quality_score",), "d0002"),
    ],
)
def test_the_keeper_follows_prefer_and_missing_values_come_last(prefer, keeper, tmp_path):
    """Which copy stays decides what the corpus is made of; NaN and null must never win."""
    base = words(1, 80)
    texts = [" ".join(base), " ".join(base) + " zz", " ".join(base), " ".join(base), " ".join(base)]
    scores = [None, 0.2, 0.9, 0.9, float("nan")]
    dates = [None, DAY[1], DAY[3], DAY[4], DAY[2]]
    if prefer[0] == "quality_score" and len(prefer) > 1:
        dates[3] = DAY[2]
    table = documents(texts, quality_score=scores, date=dates)
    result = run(barriers("minhash", {"prefer": prefer}), table, tmp_path)
    assert {r["keeper_id"] for r in result.to_pylist()} == {keeper}
    assert removed(result) == set(table["id"].to_pylist()) - {keeper}


@pytest.mark.parametrize("name", ["exact", "minhash"])
@pytest.mark.parametrize(("scope", "gone"), [("global", 3), ("source", 2), ("dump", 1)])
def test_scope_limits_where_copies_are_looked_for(name, scope, gone, tmp_path):
    """Per-dump deduplication is FineWeb's finding; a copy in another dump stays."""
    table = documents(["one and the same text here"] * 4, source=["a", "a", "a", "b"], dump=["1", "2", "2", "3"])
    assert len(removed(run(barriers(name, {"scope": scope}), table, tmp_path))) == gone


def chain() -> pa.Table:
    """Four texts, each near the next, the first and the last not near each other."""
    line = words(5, 160)
    return documents([" ".join(line[k * 10 : k * 10 + 110]) for k in range(4)])


def test_a_chain_hangs_on_its_keeper_by_verified_links_only(tmp_path):
    """`via` is the neighbour one step nearer to the keeper, and both similarities are exact."""
    found = rows(run(barriers("minhash", {"bands": 60, "rows": 4, "prefer": ("id",)}), chain(), tmp_path))
    assert [found[f"d000{k}"]["via_id"] for k in range(4)] == [None, "d0000", "d0001", "d0002"]
    assert [round(found[f"d000{k}"]["similarity"], 4) for k in range(1, 4)] == [round(96 / 116, 4)] * 3
    assert [round(found[f"d000{k}"]["keeper_similarity"], 4) for k in (1, 2, 3)] == [
        round(common / (212 - common), 4) for common in (96, 86, 76)
    ]
    assert {r["cluster_size"] for r in found.values()} == {4}


def test_direct_links_remove_only_partners_of_a_keeper(tmp_path):
    """For those who will not chain: what no keeper touches stays, and keeps its own partners away."""
    config = {"bands": 60, "rows": 4, "prefer": ("id",), "link": "direct"}
    found = rows(run(barriers("minhash", config), chain(), tmp_path))
    assert {i: r["keeper_id"] for i, r in found.items()} == {
        "d0000": "d0000",
        "d0001": "d0000",
        "d0002": "d0002",
        "d0003": "d0002",
    }
    assert all(r["similarity"] == r["keeper_similarity"] for r in found.values())


def test_looser_links_bind_survivors_for_the_split_only(tmp_path):
    """Texts that share two thirds must not sit on both sides of train and validation."""
    line = words(6, 200)
    table = documents([" ".join(line[:150]), " ".join(line[35:185]), " ".join(words(7, 150))])
    found = rows(run(barriers("minhash", {"bands": 60, "rows": 4}), table, tmp_path))
    assert {i: (r["removed"], r["cluster"], r["cluster_size"], r["loose_cluster"]) for i, r in found.items()} == {
        "d0000": (False, "d0000", 1, "d0000"),
        "d0001": (False, "d0001", 1, "d0000"),
    }


def test_a_threshold_met_exactly_is_met_in_the_ledger_too(tmp_path):
    """0.7 as float32 is below 0.7: the evidence of a link must not contradict its threshold."""
    line = words(8, 89)
    table = documents([" ".join(line[:74]), " ".join(line[15:])], quality_score=[0.1, 0.2])
    found = rows(run(barriers("minhash", {"bands": 60, "rows": 2, "min_jaccard": 55 / 85}), table, tmp_path))
    assert found["d0000"]["removed"]
    assert found["d0000"]["similarity"] >= 55 / 85


def test_articles_that_share_a_promotional_tail_both_stay(tmp_path):
    """Whitespace shingles see two long 'words' and merge them; character shingles see two articles."""
    tail = "欢迎扫码关注我们的公众号，每天获取最新资讯，转载请注明出处，谢谢您的支持！" * 2
    a = "今天上午，市政府召开会议，讨论明年的预算安排和人员计划，多个部门的负责人参加了会议并作了发言。" + tail
    b = "昨夜北方多地普降大雪，交通部门提醒司机减速慢行，学校停课一天，市民出行请注意安全和保暖措施。" + tail
    assert removed(run(barriers("minhash", {"bands": 30, "rows": 3}), documents([a, b]), tmp_path)) == set()


def test_copies_in_another_width_script_and_punctuation_are_one(tmp_path):
    """Full-width digits, other quotation marks, spaces and traditional characters do not make another article."""
    a = "2026年，歐洲聯盟的發言人說：「這個計劃會繼續進行」，並且將於週五公佈全部細節和時間表。"
    b = "２０２６年,欧洲联盟的发言人说: “这个计划会继续进行” , 并且将于周五公布全部细节和时间表."
    assert removed(run(barriers("minhash", {}), documents([a, b]), tmp_path)) == {"d0001"}


def test_both_engines_give_the_same_verdicts(tmp_path):
    """datasketch is the reference; choosing it must change the speed alone."""
    ours = run(barriers("minhash", {}), near_copies(), tmp_path)
    assert run(barriers("minhash", {"engine": "datasketch"}), near_copies(), tmp_path).equals(ours)


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("minhash", {"bands": 0}, "greater than or equal to 1"),
        ("minhash", {"rows": 0}, "greater than or equal to 1"),
        ("minhash", {"ngram": 0}, "greater than or equal to 1"),
        ("minhash", {"min_jaccard": 0}, "greater than 0"),
        ("minhash", {"min_jaccard": 1.2}, "less than or equal to 1"),
        ("minhash", {"against": 7}, "tuple"),
        ("minhash", {"link": "chain"}, "component"),
        ("minhash", {"prefer": ["id", "newest"]}, "nothing can follow `id`"),
        ("exact", {"prefer": ["newest", "newest"]}, "twice"),
        ("exact", {"scope": "planet"}, "global"),
        ("exact", {"bands": 3}, "bands"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(name, config, message):
    """A typo in a recipe must not silently mean something else."""
    with pytest.raises(ValidationError, match=message):
        barriers(name, config)


def test_an_unknown_step_is_refused():
    """Stages come from a closed list, never from a name in data."""
    with pytest.raises(ValueError, match="unknown dedupe step 'bloom'"):
        barriers("bloom", {})


def test_the_threshold_does_not_touch_the_candidates():
    """Trying another min_jaccard must reuse the signatures."""
    first = [b.measure_config() for b in barriers("minhash", {"min_jaccard": 0.8})]
    second = [b.measure_config() for b in barriers("minhash", {"min_jaccard": 0.7})]
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_importing_the_steps_loads_no_numba():
    """`winnow --help` and `plan` read these classes; half a second of compiler start does not belong there."""
    code = "import sys, stages.dedupe, dedup; sys.exit(any(m in sys.modules for m in ('numba', 'scipy', 'datasketch')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_exact_is_a_barrier_with_a_stable_description():
    """Its key must be the same in every process."""
    assert Exact().measure_config() == Exact().measure_config()
    assert Exact(scope="dump").measure_config() != Exact().measure_config()
