import hashlib
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest
from report_fixtures import NAMES, make_awkward, make_empty, make_profile, make_several, make_summary

from thalweg.errors import InvalidValueError, WorkError
from thalweg.report import files as report_files
from thalweg.report import render_report, write_report

VOID = {"meta", "br", "link", "img", "input", "hr"}


def _reports():
    several, profile = make_several(3)
    return {
        "eight": ([make_summary()], None),
        "fifteen": ([make_summary(NAMES, tuning_seeds=3)], None),
        "awkward": ([make_awkward()], None),
        "empty": ([make_empty()], None),
        "several": (several, profile),
        "several without profile": (several, None),
    }


@pytest.fixture(scope="module", params=list(_reports()))
def page(request):
    return render_report(*_reports()[request.param])


class Balance(HTMLParser):
    """Checks that every element is closed in order, and gathers tags with their attributes."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.wrong, self.words = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.words.append(data)


def _parsed(text):
    parser = Balance()
    parser.feed(text)
    assert parser.wrong == []
    assert parser.open == []
    return parser


def _pictures(text):
    return re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)


def test_elements_are_closed_in_order(page):
    _parsed(page)


def test_every_picture_is_well_formed_xml_and_speaks(page):
    for picture in _pictures(page):
        root = ElementTree.fromstring(picture)
        if root.get("aria-hidden") == "true":
            continue
        assert root.get("role") == "img"
        title, description = root.find("title"), root.find("desc")
        assert title is not None
        assert title.text
        assert description is not None
        assert description.text
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"


def test_no_picture_holds_a_number_that_is_none(page):
    for picture in _pictures(page):
        numbers = re.sub(r">[^<]*<", "><", picture)
        assert not re.search(r"\b(nan|inf|None)\b", numbers)


def test_ids_are_unique_and_references_are_met(page):
    parser = _parsed(page)
    ids = [attributes["id"] for _, attributes in parser.seen if attributes.get("id")]
    assert len(ids) == len(set(ids))
    wanted = re.findall(r'href="#([^"]+)"', page) + re.findall(r"url\(#([^)]+)\)", page)
    wanted += [word for _, a in parser.seen for word in (a.get("aria-labelledby") or "").split()]
    assert set(wanted) <= set(ids)


def test_nothing_is_loaded_and_nothing_runs(page):
    parser = _parsed(page)
    assert "http" not in page.replace("http-equiv", "")
    assert {tag for tag, _ in parser.seen}.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "image"})
    for _, attributes in parser.seen:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    assert "default-src 'none'" in page


def test_warnings_and_protocol_stand_before_every_result(page):
    assert page.index('id="warnings"') < page.index('id="protocol"') < page.index('class="board"')
    if '<section id="across"' in page:
        assert page.index('id="protocol"') < page.index('id="across"')


def test_equal_summaries_give_equal_bytes():
    for make in (make_summary, make_awkward):
        first, second = render_report([make()]), render_report([make()])
        assert hashlib.sha256(first.encode()).digest() == hashlib.sha256(second.encode()).digest()
    assert render_report([make_summary(random=1)]) != render_report([make_summary(random=2)])


@pytest.mark.parametrize("labels", [NAMES[:8], NAMES])
def test_every_contender_is_in_every_legend(labels):
    page = render_report([make_summary(labels)])
    legends = re.findall(r'<ul class="legend">.*?</ul>', page)
    assert len(legends) == 5
    for one in legends:
        assert re.findall(r"<span>([^<]*)</span>", one) == list(labels)


def test_a_contender_looks_the_same_in_all_legends():
    page = render_report([make_summary(NAMES)])
    samples = re.findall(r"<li>(<svg.*?</svg>)<span>([^<]*)</span>", page)
    looks = {name: {sample for sample, other in samples if other == name} for name in NAMES}
    assert all(len(found) == 1 for found in looks.values())
    assert len({next(iter(found)) for found in looks.values()}) == len(NAMES)


def test_every_figure_has_a_caption_and_its_numbers_as_a_table():
    page = render_report(*_reports()["several"])
    figures = re.findall(r"<figure.*?</figure>", page, flags=re.DOTALL)
    assert len(figures) == 2 + 3 * 5
    for one in figures:
        assert re.search(r"<figcaption><h3>.+?</h3><p>.+?</p></figcaption>", one)
        assert re.search(r"<details>.*<table.*<td", one, flags=re.DOTALL)


def test_names_are_shown_and_never_run():
    page = render_report([make_awkward()])
    parser = _parsed(page)
    assert "<script>" not in page
    assert "<b>mine</b>" not in page
    words = "".join(parser.words)
    assert '<script>alert("x")</script>' in words
    assert "./rules/a & b.py:MyVeryLongRuleNameThatGoesOn" in words


def test_control_characters_do_not_break_a_picture():
    page = render_report([make_summary(("ad\x00am", "s\x1bgd\ud800"))])
    page.encode()
    for picture in _pictures(page):
        ElementTree.fromstring(picture)


def test_sizes_are_small():
    assert len(render_report([make_summary()]).encode()) < 300_000
    thorough = make_summary(NAMES, tuning_seeds=5, trials=100)
    assert len(render_report([thorough]).encode()) < 600_000


def test_the_exact_command_is_there_once():
    summary = make_summary()
    page = render_report([summary])
    assert page.count(f"<pre><code>{summary.command}</code></pre>") == 1


def test_missing_numbers_are_dashes_or_words():
    page = render_report([make_awkward()])
    board = page[page.index('class="board"') : page.index("Who beats whom")]
    assert "None" not in board
    assert "nan" not in board.lower()
    assert "diverged" in board
    assert "–" in board


def test_no_warnings_are_said_to_be_none():
    assert "No warnings" in render_report([make_summary(warnings=())])
    assert "No warnings" not in render_report([make_summary()])


def test_a_report_of_nothing_is_refused():
    with pytest.raises(InvalidValueError, match="at least one finished study"):
        render_report([])


def test_profile_may_hold_a_contender_that_reached_nothing():
    several, _ = make_several(2, contenders=5)
    page = render_report(several, make_profile(several))
    assert "missed" in page


def test_writing_is_whole_and_leaves_nothing_beside(tmp_path):
    target = tmp_path / "out é.html"
    target.write_text("old")
    assert write_report(target, [make_summary()]) == target
    assert target.read_text(encoding="utf-8") == render_report([make_summary()])
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "out.html"
    target.write_text("old")

    def full(*_args, **_settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_files.os, "fdopen", full)
    with pytest.raises(WorkError, match="could not be written"):
        write_report(target, [make_summary()])
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "is a directory"), ("no/such/place/out.html", "does not exist")],
)
def test_a_path_that_cannot_be_is_one_sentence(tmp_path, name, says):
    with pytest.raises(InvalidValueError, match=says) as caught:
        write_report(tmp_path / name, [make_summary()])
    assert "\n" not in str(caught.value)
    assert str(caught.value).count(". ") == 0
