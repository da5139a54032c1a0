"""The stage: what it reads, adds and replaces, when a document goes, what an option changes."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from filters.judge import first_failing
from stages.base import Context
from stages.clean_lines import CleanLines, clean_text

PROSE = "秋天的山谷里住着一位修钟的老人，他每天清晨都要走很远的路去河边打水。"
PAGE = f"点击上方蓝字关注我们\n{PROSE}\n扫码领取资料"


def run(texts, **config) -> pa.RecordBatch:
    stage = CleanLines(**config)
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], schema=stage.reads)
    return stage.open(Context())(batch)


def test_the_columns_are_those_it_declares():
    """The runner checks them; the pool stores them."""
    stage = CleanLines()
    found = run([PAGE, None, "", PROSE])
    assert found.schema == pa.schema([*stage.adds, *stage.replaces])
    assert found["text"].to_pylist() == [PROSE, None, "", PROSE]
    assert found["clean_lines__removed_lines"].to_pylist() == [2, None, 0, 0]
    assert found["clean_lines__removed_chars"].to_pylist() == [16, None, 0, 0]
    assert found["clean_lines__kept_chars"].to_pylist() == [len(PROSE), None, 0, len(PROSE)]
    assert found["clean_lines__top_rule"].to_pylist() == ["zh.follow.phrase", None, None, None]
    assert found["clean_lines__kept_share"].to_pylist()[1:] == [None, 1.0, 1.0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PAGE, None),  # short, but most of it is text
        ("点击上方蓝字关注我们\n扫码领取资料\n" * 50 + PROSE * 6, None),  # mostly promotion, but enough is left
        ("点击上方蓝字关注我们\n扫码领取资料\n" * 50 + PROSE, "little_left"),
        ("点击上方蓝字关注我们", "little_left"),
        (PROSE, None),
        ("", None),  # no text is another rule's business
        (None, None),
    ],
)
def test_a_document_goes_when_little_is_left_never_for_its_promotion(text, reason):
    """Both must hold: less than 30 % of the characters, and fewer than 200 of them."""
    found = run([text])
    rules = CleanLines().rules()
    number = int(first_failing(found, rules)[0])
    assert (rules[number].reason if number >= 0 else None) == reason


def test_thresholds_change_no_measure():
    """Moving them must not read a page again."""
    one, other = CleanLines(), CleanLines(min_chars=10, min_share=0.5)
    assert one.measure_config() == other.measure_config()
    assert json.loads(json.dumps(one.measure_config())) == one.measure_config()
    assert CleanLines(languages=("en",)).measure_config() != one.measure_config()
    rule = other.rules()[0]
    assert (rule.path, [c.value for c in rule.conditions]) == ("clean_lines.min_chars", [0.5, 10])


def test_a_setting_out_of_range_is_refused():
    """With the value in the message."""
    with pytest.raises(ValidationError, match="no phrases for 'xx'"):
        CleanLines(languages=("xx",))
    with pytest.raises(ValidationError):
        CleanLines(min_share=2)


@pytest.mark.parametrize(
    ("config", "before", "after"),
    [
        ({}, "ＡＢ１２　中文，\u200b文 本", "ＡＢ１２　中文，\u200b文 本"),
        ({"half_width": True}, "ＡＢｃ１２，中文（Ａ）", "ABc12，中文（A）"),
        ({"plain_spaces": True}, "中　文\u00a0和\u200b字\ufeff", "中 文 和字"),
        ({"join_wraps": True}, "山谷里住着一位修钟\n的老人\n他走了\n。\n", "山谷里住着一位修钟的老人\n他走了。\n"),
        ({"repair_punctuation": True}, "老人说,他走了!真的(很远)吗?a,b", "老人说，他走了！真的（很远）吗?a,b"),
    ],
)
def test_stored_text_changes_only_where_asked(config, before, after):
    """NFKC and punctuation maps corrupt text: each change is an option of its own, and off."""
    assert run([before], **config)["text"].to_pylist() == [after]


@given(
    st.lists(st.one_of(st.none(), st.sampled_from([PAGE, PROSE, "", "read more"])), min_size=1, max_size=8),
    st.integers(1, 8),
)
@settings(max_examples=40, deadline=None)
def test_any_batch_split_gives_the_same_rows(texts, size):
    """Batches are cut by bytes, which no result may depend on."""
    stage = CleanLines()
    clean = stage.open(Context())
    whole = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], schema=stage.reads)
    parts = [clean(whole.slice(at, size)) for at in range(0, len(texts), size)]
    assert pa.Table.from_batches(parts).to_pylist() == clean(whole).to_pylist()


def test_one_text_at_a_time():
    """What the documentation shows."""
    cleaned = clean_text(PAGE)
    assert cleaned.text == PROSE
    assert cleaned.removed == [("点击上方蓝字关注我们", "zh.follow.phrase"), ("扫码领取资料", "zh.qr.act")]
    assert clean_text("lone \ud800 surrogate").text == "lone \ufffd surrogate"


def test_a_model_of_ones_own(tmp_path):
    """One that hears promotion nowhere and everywhere; the file's hash enters the key."""
    from filters.boilerplate.grams import BITS
    from filters.boilerplate.learned import write_judge
    from filters.trees.forest import Forest

    sure = Forest(np.array([[0, 0, 0, 0]], np.int32), np.array([9.0], np.float32), np.array([0], np.int32))
    for name, bias in (("deaf", -3.0), ("shrill", 3.0)):
        write_judge(tmp_path / name, np.full(1 << BITS, 1e-9), bias, sure, {})
    deaf, shrill = (CleanLines(model=str(tmp_path / name)) for name in ("deaf", "shrill"))
    assert run([PROSE], model=deaf.model)["text"].to_pylist() == [PROSE]
    assert run([PROSE], model=shrill.model)["text"].to_pylist() == [""]
    assert run([PROSE], model=shrill.model, learned=False)["text"].to_pylist() == [PROSE]
    keys = {str(one.measure_config()) for one in (deaf, shrill, CleanLines(), CleanLines(learned=False))}
    assert len(keys) == 4


def test_a_file_that_is_no_model_is_refused(tmp_path):
    """When the recipe is read, not when a worker meets it."""
    (tmp_path / "m").write_bytes(b"no model")
    with pytest.raises(ValueError, match="no winnow-lines/1 model"):
        CleanLines(model=str(tmp_path / "m"))
