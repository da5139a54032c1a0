"""The learned judge of lines: what it hears, what it decides, and files that are no model."""

import numpy as np
import pyarrow as pa
import pytest

from filters.boilerplate.grams import BITS, GRAM, MOST_TOKENS, list_slots, token_points, token_room
from filters.boilerplate.judge import buffers, judge
from filters.boilerplate.learned import TOGETHER, read_judge, scores, shipped_judge, write_judge
from filters.boilerplate.shipped import SHIPPED, sha256
from filters.trees.forest import Forest
from tests.filters.boilerplate import judged, pages_of

AD = "本站长期提供建站服务：企业展示站八百元起，外贸独立站一千五百元起，仿站、主题汉化、网站搬家均可，先做后付，满意再给钱"
MORE = "嫌打洞慢？可以试试我一直在用的内网穿透服务，每月九块九起，不限流量，新客第一个月立减五块，还能多试七天，不好用随时退"
STORY = "秋天的山谷里住着一位修钟的老人，他每天清晨都要走很远的路去河边打水。"


def slots(text: str) -> tuple[list[int], int]:
    data = np.frombuffer(text.encode(), np.uint8)
    low, tokens = np.zeros(2, np.int64), np.zeros(1, np.int64)
    out = np.zeros(GRAM * (len(data) + 3), np.int64)
    list_slots(data, np.array([0]), np.array([len(data)]), token_points(), low, out, tokens, token_room())
    return out[: low[1]].tolist(), int(tokens[0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Subscribe NOW", "subscribe now"),
        ("ＡＢＣ　点击", "abc 点击"),
        ("點擊這裡訂閱", "点击这里订阅"),
        ("阅读 12345 次", "阅读 7 次"),
        ("Buy it now!!!", "buy it now!"),
        ("• Look here", "look here"),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_what_says_the_same_has_the_same_grams(one, other):
    """Case, width, script variant, digits, repeated marks and bullets say nothing."""
    assert slots(one) == slots(other)


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("one", 1), ("one two", 2), ("两个字", 3), ("iPhone15手机", 4), ("a, b.", 4)]
)
def test_tokens(text, tokens):
    """Words, characters of scripts without spaces, numbers, marks; with n tokens and two edges go 4 n + 2 grams."""
    found, count = slots(text)
    assert count == tokens
    assert len(found) == sum(min(GRAM, at + 1) for at in range(tokens + 2))
    assert all(0 <= one < 1 << BITS for one in found)


def test_long_lines_and_broken_bytes_are_read_within_bounds():
    """No more than MOST_TOKENS, whatever the bytes are."""
    rng = np.random.default_rng(1)
    for text in ("词" * 5000, "word " * 5000, rng.integers(0, 256, 5000, np.uint8).tobytes().decode("latin-1")):
        assert slots(text)[1] <= MOST_TOKENS
    noise = rng.integers(0, 256, 100_000, np.uint8)
    start = np.sort(rng.integers(0, len(noise), 500))
    heard, _ = scores(shipped_judge(), noise, start, np.minimum(start + 300, len(noise)))
    assert np.isfinite(heard).all()


def test_the_score_is_the_sum_of_the_weights():
    """As the documentation says it: over the root of their number, plus the bias."""
    model = shipped_judge()
    found, _ = slots(AD)
    data, offsets = buffers(pa.array([AD]))
    heard, _ = scores(model, data, offsets[:-1], offsets[1:])
    expected = model.scale * model.weights[found].astype(int).sum() / np.sqrt(len(found)) + model.bias
    assert heard[0] == pytest.approx(np.clip(expected, -6, 6), abs=1e-4)


def test_it_finds_what_no_phrase_names():
    """And says so."""
    page = "\n".join([STORY, AD, MORE, STORY])
    without = judge(pa.array([page]))
    found = judge(pa.array([page]), learned=shipped_judge())
    assert without.texts[0].as_py() == page
    assert found.texts[0].as_py() == f"{STORY}\n{STORY}"
    assert [one.rule for one in found.removals(0)] == ["learned.line"] * 2


def test_it_spares_what_a_rule_takes_by_mistake():
    """News about offers is no offer."""
    story = "我跑了三家店，每家都让销售把报价写在纸上拍照，最后直接加了销售经理的微信，把前两家的价格发过去，问他能不能做到。"
    page = "\n".join([STORY, story, STORY])
    assert judge(pa.array([page])).texts[0].as_py() != page
    assert judge(pa.array([page]), learned=shipped_judge()).texts[0].as_py() == page


def test_a_higher_threshold_takes_less():
    """At 1 nothing goes that no rule names."""
    texts = pa.array(["\n".join(page.lines) for page in pages_of("unseen/lot_21.txt")])
    lost = [
        judge(texts, learned=shipped_judge(), goes=goes).counts.removed_chars.sum() for goes in (0.5, 0.9, 0.97, 1.0)
    ]
    assert lost == sorted(lost, reverse=True)
    names = {
        one.rule for row in range(len(texts)) for one in judge(texts, learned=shipped_judge(), goes=1.0).removals(row)
    }
    assert "learned.line" not in names


def test_a_text_is_judged_the_same_in_any_company():
    """Texts of a batch know nothing of each other."""
    pages = pages_of("unseen/lot_35.txt")
    together = judged(pages).texts.to_pylist()
    assert together == [judged([page]).texts[0].as_py() for page in pages]


def test_a_dump_of_lines_is_left_to_the_rules():
    """Memory stays within bounds; and what stands beside such a text is judged as ever."""
    page = f"{STORY}\n{AD}\n{MORE}\n{STORY}"
    long = "\n".join(["一行文字"] * TOGETHER + [AD])
    found = judge(pa.array([page, long, page]), learned=shipped_judge()).texts.to_pylist()
    assert found == [f"{STORY}\n{STORY}", long, f"{STORY}\n{STORY}"]


def test_the_shipped_model_is_the_one_in_the_key():
    """A recipe's key names the bytes that judged."""
    assert shipped_judge().sha256 == sha256()


def _small() -> Forest:
    return Forest(np.array([[0, 0, 0, 0]], np.int32), np.array([0.5], np.float32), np.array([0], np.int32))


def test_a_model_is_read_as_it_was_written(tmp_path):
    """Weights in steps of a 127th of the largest."""
    weights = np.zeros(1 << BITS)
    weights[[3, 9]] = 2.0, -1.0
    sha = write_judge(tmp_path / "m", weights, -0.25, _small(), {"by": "test"})
    model = read_judge(tmp_path / "m")
    assert (model.sha256, model.bias, model.about) == (sha, -0.25, {"by": "test"})
    assert model.scale * model.weights[[3, 9, 10]] == pytest.approx([2, -1, 0], abs=0.01)


@pytest.mark.parametrize("damage", ["magic", "cut", "more", "loop", "column", "root"])
def test_a_damaged_model_is_refused(damage, tmp_path):
    """It may neither hang nor read outside its arrays."""
    path = tmp_path / "m"
    forest = {
        "loop": Forest(
            np.array([[0, 0, 0, 1], [0, 0, 1, 1]], np.int32), np.array([0.5], np.float32), np.zeros(1, np.int32)
        ),
        "column": _small()._replace(nodes=np.array([[99, 0, 0, 0]], np.int32)),
        "root": _small()._replace(roots=np.array([7], np.int32)),
    }.get(damage, _small())
    write_judge(path, np.ones(1 << BITS), 0.0, forest, {})
    data = path.read_bytes()
    path.write_bytes({"magic": b"x" + data, "cut": data[:-1], "more": data + b"x"}.get(damage, data))
    with pytest.raises(ValueError, match=str(path)):
        read_judge(path)


def test_an_extractor_is_no_judge():
    """Each sort of model has its own name."""
    from stages.extraction.model import SHIPPED as EXTRACTOR
    from stages.extraction.model import read_model

    with pytest.raises(ValueError, match="winnow-lines"):
        read_judge(EXTRACTOR)
    with pytest.raises(ValueError, match="winnow-extractor"):
        read_model(SHIPPED)
