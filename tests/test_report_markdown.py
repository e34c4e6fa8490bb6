"""summary.md: what a person needs first, as GitHub's own parser reads it, whatever a target answered."""

import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from acs_conformance.report import gfm, markdown
from hostile import poisoned, sample

#: Every construct of the GFM specification that a text could start, and what HTML, mathematics and mentions need.
HOSTILE = [
    "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "[here](https://evil.example/) ![p](https://evil.example/p.png) [a][b]",
    "https://evil.example/ www.evil.example me@evil.example <https://evil.example/>",
    "`` ` ``` ` a `b`",
    "**b** __b__ *i* _i_ ~~s~~ $x$ $$y$$ :smile: @somebody",
    "| a | b |\n| --- | --- |\n| c | d |",
    "\n\n# heading\n\n- list\n\n> quote\n\n1. one\n\n---\n\n    code\n\n```\nfence",
    "&lt;b&gt; &amp; &#60;",
    "</details></sub><details>",
    "\\",
    "\u202etxt\x00\ud800",
]


@pytest.fixture
def report():
    return sample()


class Page(HTMLParser):
    """Tags, links and text; the text outside of code is where a viewer would look for mentions and mathematics."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.links, self.text, self.outside, self.open = [], [], "", [], []
        options = Options.CMARK_OPT_UNSAFE
        extensions = ["table", "autolink", "strikethrough", "tasklist"]
        self.feed(cmarkgfm.cmark.markdown_to_html_with_extensions(text, options=options, extensions=extensions))
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        self.text += data
        if "code" not in self.open:
            self.outside.append(data)


def test_the_verdict_the_counts_and_the_findings_are_there(report):
    page = Page(markdown.render(report))
    assert "Breaks its contract" in page.text
    assert re.search(r"3 of 13 requirements fail", page.text)
    for verdict, count in report["run"]["counts"].items():
        assert verdict in page.text
        assert str(count) in page.text
    for finding in report["findings"]:
        assert finding["claim"] in page.text
        assert finding["received"] in page.text
        assert finding["allowed"] in page.text
        assert finding["source"] in page.text
    for requirement in report["requirements"]:
        if requirement["verdict"] in ("error", "inconclusive"):
            assert requirement["id"] in page.text
    for reading in report["readings"]:
        assert (reading["id"] in page.text) is (reading["observed"] != "not observed")


def test_a_finding_shows_its_command_as_a_block_of_code(report):
    report["findings"][0] |= {"replay": "acs-conformance replay r 'a```b'", "again": "acs-conformance run"}
    text = markdown.render(report)
    assert "````bash\nacs-conformance replay r 'a```b'\nacs-conformance run\n````" in text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_every_place_stays_text(report, hostile):
    report["run"] |= {"diagnosis": "all is wrong", "stopped": "too early", "only": "Op.*"}
    report["findings"][0]["replay"] = "send it again"
    clean, page = Page(markdown.render(report)), Page(markdown.render(poisoned(report, hostile)))
    added = [tag for tag in page.tags if tag != "span"]  # keeps a mention from being one
    assert added == clean.tags
    assert page.links == []
    assert not [text for text in page.outside if re.search(r"@\w", text)]
    assert not re.search("[\x00\ud800\u202e]", page.text)


@pytest.mark.parametrize(
    "text", [*HOSTILE, "", " ", "`", "a`", " a ", "``", "- a", "1. a", "12) a", "+", "=", "a\tb\nc"]
)
def test_code_and_prose_read_as_they_are(text):
    shown = gfm.visible(text)
    flat = shown.replace("\n", "⟨U+000A⟩").replace("\t", "⟨U+0009⟩")
    code, prose = Page(gfm.code(text)), Page(f"- {gfm.prose(text)}")
    assert code.text.rstrip("\n") == (flat or "(empty)")
    assert prose.text.split() == shown.split()
    assert [tag for tag in prose.tags if tag != "span"][:2] == ["ul", "li"]
    assert {*prose.tags} <= {"ul", "li", "span"}
    assert {*code.tags} <= {"p", "code"}


@pytest.mark.parametrize("text", HOSTILE)
def test_a_block_holds_the_text_and_ends(text):
    page = Page(f"{gfm.block(text, 'bash')}\n\nafter")
    assert page.tags == ["pre", "code", "p"]
    assert page.text == f"{gfm.visible(text)}\n\nafter\n"


def test_long_texts_and_long_lists_stay_below_githubs_limit(report):
    report["findings"] = [{**report["findings"][0], "id": f"f{number}"} for number in range(5_000)]
    report["requirements"] = [
        {**report["requirements"][0], "id": f"Op.{number}", "verdict": "inconclusive", "reason": f"why {number} " * 200}
        for number in range(1_000)
    ]
    text = markdown.render(poisoned(report, "x" * 20_000))
    assert len(text.encode()) < 1_000_000
    assert "and 4,975 more findings in report.html" in text


def test_an_early_stop_and_a_partial_run_are_said(report):
    report["run"] |= {"stopped": "interrupted", "is_complete": False}
    page = Page(markdown.render(report)).text
    assert "Stopped early: interrupted" in page
    assert "Partial report" in page


def test_a_report_of_nothing_is_a_summary(report):
    report |= {name: [] for name in ("descriptions", "statements", "requirements", "readings", "findings", "exchanges")}
    report["run"]["counts"] = dict.fromkeys(report["run"]["counts"], 0)
    assert "Breaks its contract" in Page(markdown.render(report)).text
