"""Single lines and small pages: what goes alone, what goes in company, what a guard keeps."""

import pyarrow as pa
import pytest

from filters.boilerplate.judge import judge, languages_of
from filters.boilerplate.kept import tables_for
from stages.clean_lines import clean_text

PROSE = "秋天的山谷里住着一位修钟的老人，他每天清晨都要走很远的路去河边打水。"
MORE = "傍晚时分，风从北边吹来，院子里的树叶落了一地，却没有一个人去扫。"


@pytest.mark.parametrize(
    ("line", "family"),
    [
        ("长按识别下方二维码，加入读者交流群", "qr"),
        ("扫码领取全套学习资料", "qr"),
        ("后台回复“666”免费领取面试题", "free"),
        ("加我微信：abc12345", "contact"),
        ("QQ群：123456789", "contact"),
        ("点击上方蓝字关注我们", "follow"),
        ("點擊上方藍字關注我們", "follow"),
        ("点 击 上 方 蓝 字 关 注 我 们", "follow"),
        ("觉得不错就点个赞和在看吧", "applause"),
        ("真诚赞赏，手留余香", "tip"),
        ("开通会员，即可解锁全文", "paywall"),
        ("没有账号？立即注册", "login"),
        ("阅读 10万+", "counter"),
        ("191次阅读", "counter"),
        ("展开全文", "button"),
        ("图片来源：网络", "image"),
        ("上一篇：下月核酸不再免费是吗", "pager"),
        ("当前位置：首页 > 中国历史 > 正文", "crumb"),
        ("责任编辑：张三", "meta"),
        ("分享到： 微博 微信 QQ空间", "share"),
        ("未经授权不得转载，违者必究", "legal"),
        ("京ICP备12345678号-1", "filing"),
        ("违法和不良信息举报电话：010-12345678", "filing"),
        ("往期精彩回顾", "related"),
        ("感谢您的阅读", "thanks"),
        ("原价1999元，限时特价只要99元，名额有限", "sales"),
        ("We use cookies to improve your experience on our website. Accept", "cookie"),
        ("Subscribe to our newsletter and get the news in your inbox every week", "newsletter"),
        ("Share this article:", "share"),
        ("Read more: Ten things to know about tides", "related"),
        ("Read more »", "related"),
        ("© 2024 Example Inc. All rights reserved.", "legal"),
        ("Already a member? Log in", "login"),
        ("12 Comments", "counter"),
        ("Skip to main content", "button"),
        ("Wir verwenden Cookies, um unsere Website zu verbessern. Alle akzeptieren", "cookie"),
        ("Lesen Sie auch: Der lange Weg zum Meer", "related"),
        ("Abonnieren Sie unseren Newsletter", "newsletter"),
        ("Nous utilisons des cookies pour améliorer votre navigation. Accepter", "cookie"),
        ("À lire aussi : Le vieux port se vide", "related"),
        ("Utilizamos cookies propias y de terceros. Aceptar", "cookie"),
        ("Todos los derechos reservados", "legal"),
        ("当サイトではクッキーを使用しています。同意する", "cookie"),
        ("この記事をシェア", "button"),
        ("무단전재 및 재배포 금지", "legal"),
        ("관련기사", "related"),
        ("Мы используем файлы cookie на нашем сайте. Принять", "cookie"),
        ("Читайте также: Как море отступило", "related"),
        ("Все права защищены", "legal"),
    ],
)
def test_a_line_of_a_family_goes_alone(line, family):
    """The reason names the family."""
    cleaned = clean_text(f"{PROSE}\n{line}\n{MORE}")
    assert cleaned.text == f"{PROSE}\n{MORE}"
    assert [(text, rule.split(".")[1]) for text, rule in cleaned.removed] == [(line, family)]


def test_a_weak_line_needs_company():
    """ "Course outline" is a heading of a syllabus, and of a sales page."""
    alone = f"{PROSE}\n课程大纲\n{MORE}"
    assert clean_text(alone).text == alone
    beside = clean_text(f"{PROSE}\n{MORE}\n课程大纲\n扫码领取全套学习资料")
    assert beside.text == f"{PROSE}\n{MORE}"
    assert [rule for _, rule in beside.removed] == ["zh.course.heading", "zh.qr.act"]


def test_a_long_line_loses_the_sentence_not_the_line():
    """A paragraph of more than 250 characters with one hit is still a paragraph."""
    before, after = PROSE * 5, MORE * 4
    cleaned = clean_text(before + "更多精彩内容请关注微信公众号。" + after)
    assert cleaned.text == before + after
    assert cleaned.removed[0][0] == "更多精彩内容请关注微信公众号。"


def test_an_english_paragraph_loses_the_sentence_too():
    """The space before the sentence goes with it."""
    first = "The old clockmaker walked to the river every morning before the village was awake. " * 4
    last = "Nobody swept the leaves that had fallen in the yard during the night."
    cleaned = clean_text(f"{first}Sign up for our newsletter today. {last}")
    assert cleaned.text == first + last


def test_a_heading_seen_twice_stays():
    """Repetition inside a text is no evidence: chapters repeat their headings."""
    text = f"夜雨\n{PROSE}\n夜雨\n{MORE}\n夜雨"
    assert clean_text(text).text == text


def test_bullets_with_real_sentences_stay():
    """An outline has one prefix and no sentences; a list of findings may share its beginning."""
    bullets = "\n".join(
        f"• 研究小组在第{one}年发现，河水的温度比前一年升高了半度，鱼群因此提前了两周洄游。" for one in "一二三四五六"
    )
    text = f"{PROSE}\n{bullets}\n{MORE}"
    assert clean_text(text).text == text
    assert clean_text(f"{text}\n扫码领取全套学习资料").text == text


def test_an_outline_near_promotion_goes():
    """Five bullets with one prefix of eight characters, beside a code to scan."""
    outline = "\n".join(f"• Python爬虫{one}" for one in ("入门", "进阶", "项目", "面试", "源码", "工具"))
    assert clean_text(f"{PROSE}\n{MORE}\n{outline}\n扫码领取全套学习资料").text == f"{PROSE}\n{MORE}"
    assert clean_text(f"{PROSE}\n{outline}\n{MORE}").text == f"{PROSE}\n{outline}\n{MORE}"


def test_a_gap_between_hits_is_filled_but_never_by_prose():
    """What stands between two lines of promotion and says nothing of its own belongs to them."""
    page = f"{PROSE}\n{MORE}\n扫码领取全套学习资料\n数量不多\n内容丰富\n后台回复“资料”领取\n{MORE}"
    assert clean_text(page).text == f"{PROSE}\n{MORE}\n{MORE}"
    page = f"{PROSE}\n扫码领取全套学习资料\n{MORE}\n后台回复“资料”领取\n{PROSE}"
    assert clean_text(page).text == f"{PROSE}\n{MORE}\n{PROSE}"


def test_the_title_before_the_text_stays():
    """Promotion above and a source line below do not make the title between them a gap."""
    page = f"点击上方蓝字关注我们\n山谷里的修钟人\n来源：山谷日报\n{PROSE}\n{MORE}"
    assert clean_text(page).text == f"山谷里的修钟人\n{PROSE}\n{MORE}"


def test_a_tail_goes_whole_but_the_text_before_it_stays():
    """Behind the last paragraph, half hits are enough."""
    tail = "扫码领取全套学习资料\n山谷之声\n每天一点\n点击上方蓝字关注我们\n往期精彩回顾\n老人与钟\n河边的路\n转发给更多的朋友"
    assert clean_text(f"{PROSE}\n{MORE}\n{tail}").text == f"{PROSE}\n{MORE}"


def test_titles_of_other_pages_go_with_their_heading():
    """A list of links behind the text says nothing about it."""
    page = f"{PROSE}\n{MORE}\n推荐阅读\n• 老人与钟\n• 河边的路\n• 风从哪里来"
    assert clean_text(page).text == f"{PROSE}\n{MORE}"


def test_blank_lines_do_not_pile_up_where_lines_go():
    """The longest run of blank lines around the gap stays, none at the ends."""
    page = f"点击上方蓝字关注我们\n\n\n{PROSE}\n\n扫码领取全套学习资料\n\n\n{MORE}\n\n往期精彩回顾\n"
    assert clean_text(page).text == f"{PROSE}\n\n\n{MORE}"


def by_phrases(text: str, language: str) -> str:
    return judge(pa.array([text]), tables_for(languages_of(language))).texts[0].as_py()


def test_a_language_narrows_the_phrases():
    """A German page is no place for Chinese labels, but English ones are everywhere."""
    text = "Lesen Sie auch: Der lange Weg zum Meer"
    assert by_phrases(text, "de") == ""
    assert by_phrases(text, "deu") == ""
    assert by_phrases(text, "zh") == text
    assert by_phrases("Read more »", "cmn") == ""
    assert by_phrases(text, "swa") == ""
