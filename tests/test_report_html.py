"""report.html: one page that loads nothing, shows every outcome, and shows what a target answered as text only."""

import base64
import copy
import hashlib
import itertools
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from acs_conformance.report import html, text, view

SAMPLE = Path(__file__).parent / "data" / "report-sample.json"
#: What a hostile target would answer, and what would make a reader see something else than it answered.
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"' onload=alert(1) {{7*7}} "
HOSTILE += "\u202etxt\x00\ud800\ufffe"
VISIBLE = "⟨U+202E⟩txt⟨U+0000⟩⟨U+D800⟩⟨U+FFFE⟩"
#: Members that the page looks up or the schema enumerates.
FIXED = {"verdict", "judged", "observed", "started_at", "ended_at", "schema_version", "method"}
VOID = {"meta", "input", "rect", "wbr", "br"}


@pytest.fixture
def report():
    return json.loads(SAMPLE.read_text("utf-8"))


class Page(HTMLParser):
    """Elements with their attributes, the text, and that what is opened is closed in order."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.texts, self.raw = [], [], [], {}
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs)), f"an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.raw[self.open[-1]] = self.raw.get(self.open[-1], "") + data
        else:
            self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)

    def values(self, name):
        return [attrs[name] for _, attrs in self.elements if name in attrs]


def poisoned(value, name=""):
    """The report with a hostile end on every text but empty ones; the same on each, so that references still hold."""
    if isinstance(value, dict):
        return {key: poisoned(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, name) for item in value]
    return value + HOSTILE if isinstance(value, str) and value and name not in FIXED else value


def test_every_requirement_and_statement_is_on_the_page(report):
    page = Page(html.render(report))
    ids = page.values("id")
    for requirement in report["requirements"]:
        assert ids.count(view.anchor(requirement["id"])) == 1
        assert requirement["claim"] in page.text
    for statement in report["statements"]:
        assert statement["text"] in page.text
        assert statement["untestable"] in page.text
    for finding in report["findings"]:
        assert f"finding-{view.anchor(finding['id'])}" in ids
        assert finding["curl"] in page.text
    for reading in report["readings"]:
        assert reading["question"] in page.text


def test_verdicts_are_words_as_well_as_colours(report):
    page = html.render(report)
    for verdict, count in report["run"]["counts"].items():
        assert f'<b>{count}</b><span class="v v-{verdict}">{verdict}</span>' in page


def test_ids_are_unique_and_links_lead_somewhere(report):
    page = Page(html.render(report))
    ids = page.values("id")
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert [name for name in ids if not re.fullmatch(r"[A-Za-z0-9._~-]+", name)] == []
    inside = {link[1:] for link in page.values("href") if link.startswith("#")}
    assert inside - set(ids) == set()
    assert [link for link in page.values("href") if not link.startswith(("#", "https://"))] == []


def test_anchors_are_safe_and_tell_ids_apart():
    assert view.anchor("Op.Items[].Id.maxLength") == "Op.Items~.Id.maxLength"
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", view.anchor('a b"<>#\u202e\x00%'))
    assert view.anchor("a[]") != view.anchor("a") != view.anchor("a.")


def test_the_page_is_accessible_without_a_mouse_or_eyes(report):
    page = Page(html.render(report))
    tags = Counter(tag for tag, _ in page.elements)
    assert dict(page.elements)["html"] == {"lang": "en"}
    assert (tags["main"], tags["header"], tags["footer"], tags["nav"], tags["h1"], tags["title"]) == (1,) * 6
    assert next(attrs for tag, attrs in page.elements if tag == "a") == {"class": "skip", "href": "#main"}
    assert all(attrs.get("scope") in ("row", "col") for tag, attrs in page.elements if tag == "th")
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_nothing_is_loaded_and_only_the_own_script_and_style_may_run(report):
    source = html.render(report)
    page = Page(source)
    assert page.values("src") == page.values("style") == page.values("srcset") == []
    assert not {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "embed", "base"}
    assert not re.search(r"@import|url\(", page.raw["style"])
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.raw[tag].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_hostile_text_in_every_place_stays_text(report):
    report["run"] |= {"diagnosis": "all is wrong", "stopped": "too early", "only": "Op.*"}
    report["findings"][0]["replay"] = "send it again"
    clean, page = Page(html.render(report)), Page(html.render(poisoned(report)))
    assert Counter(tag for tag, _ in page.elements) - Counter(tag for tag, _ in clean.elements) == Counter()
    assert page.raw == clean.raw
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert VISIBLE in page.text
    assert "{{7*7}}" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\u202a-\u202e\ufffe]", page.text)
    inside = {link[1:] for link in page.values("href") if link.startswith("#")}
    assert inside <= set(page.values("id"))


@pytest.mark.parametrize("page", ["javascript:alert(1)", "data:text/html,x", " https://x", "HTTPS", "", "//host/x"])
def test_only_web_addresses_become_links(report, page):
    report["descriptions"][0]["page"] = page
    assert all(link.startswith("#") for link in Page(html.render(report)).values("href"))


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\u202e", "⟨U+202E⟩"),
        ("\u200b", "⟨U+200B⟩"),
        ("\r", "⟨U+000D⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\t\n é", "\t\n é"),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_code_point(character, shown):
    assert text.visible(f"a{character}b") == f"a{shown}b"


def test_a_body_that_is_no_text_and_an_answer_that_never_came_are_shown(report):
    first, second = report["exchanges"][:2]
    first["response"]["body"] = {"base64": "//4="}
    second |= {"response": None, "failure": "the connection was closed"}
    report["findings"][0]["exchange"] = first["number"]
    report["requirements"][0]["evidence"] = [second["number"]]
    page = Page(html.render(report)).text
    assert "Base64) //4=" in page
    assert "the connection was closed" in page


def test_the_parameter_under_test_is_marked_and_bytes_are_decoded(report):
    finding = report["findings"][0]
    exchange = next(x for x in report["exchanges"] if x["number"] == finding["exchange"])
    path = next(r["path"] for r in report["requirements"] if r["id"] == finding["requirement"])
    exchange["request"]["target"] = f"/?{path}=%FF%E4%BD%A0%00&Empty=&Bare&a+b=%2B+"
    assert view.parameters(exchange) == [(path, "\\xff你\x00"), ("Empty", ""), ("Bare", ""), ("a+b", "++")]
    assert f'<tr class="mark"><th scope="row"><code>{path}</code>' in html.render(report)


def test_the_headline_says_whether_the_contract_is_kept(report):
    passing = copy.deepcopy(report)
    passing["findings"] = []
    for requirement in passing["requirements"]:
        if requirement["verdict"] != "none":
            requirement["verdict"] = "pass"
    counts = {"none": 2, "pass": len(passing["requirements"]) - 2, "inconclusive": 0, "fail": 0, "error": 0}
    passing["run"] |= {"verdict": "conforms", "exit_code": 0, "counts": counts}
    page = html.render(passing)
    assert ">Keeps its contract</h1>" in page
    assert "11 of 13 requirements pass, none fails; 2 speak of a situation that did not arise." in page
    assert 'id="undecided"' not in page
    assert ">Breaks its contract</h1>" in html.render(report)


def test_an_early_stop_is_no_pass(report):
    why = "nothing answers at http://127.0.0.1:9"
    report |= {"findings": [], "exchanges": []}
    for requirement in report["requirements"]:
        count = requirement["planned"]
        reason = f"{count} of {count} cases not decided: {why}" if count else why
        requirement |= {"verdict": "none", "reason": reason, "decided": 0, "evidence": []}
    counts = {"none": len(report["requirements"]), "pass": 0, "inconclusive": 0, "fail": 0, "error": 0}
    report["run"] |= {"verdict": "inconclusive", "exit_code": 3, "stopped": why, "counts": counts, "is_complete": False}
    page = html.render(report)
    assert ">Not decided</h1>" in page
    assert "11 of 13 requirements are not decided" in page
    # One group for the one reason, whatever the number of cases.
    assert page.count(f"<h3>{why}</h3>") == 1
    assert "Partial report" in page
    assert "That alone is no pass" in page
    assert "Nothing was sent." in page


def test_a_report_of_nothing_is_a_page(report):
    report |= {name: [] for name in ("descriptions", "statements", "requirements", "readings", "findings", "exchanges")}
    report["run"]["counts"] = dict.fromkeys(report["run"]["counts"], 0)
    assert Page(html.render(report)).text


def test_evidence_that_is_not_in_the_report_is_no_link(report):
    report["exchanges"] = []
    page = Page(html.render(report))
    assert not [link for link in page.values("href") if link.startswith("#exchange-")]


def test_a_large_run_is_a_page_of_readable_size(report):
    """Five thousand requirements and fifty thousand exchanges stay below 10 MB; failures are embedded first."""
    model, fault = report["requirements"][0], report["findings"][0]
    numbers = range(1, 50_001)
    report["exchanges"] = [{**report["exchanges"][n % len(report["exchanges"])], "number": n} for n in numbers]
    report["requirements"], report["findings"] = [], []
    for index in range(5_000):
        evidence = list(range(1 + index * 10, 11 + index * 10))
        entry = {**model, "id": f"{model['id']}.{index}", "verdict": "pass", "statements": [], "evidence": evidence}
        if index % 2:
            entry |= {"verdict": "fail", "failed": 10, "reason": "received 200, accepted, allowed 400 InvalidParameter"}
            finding = {
                "id": f"{entry['id']}~0",
                "requirement": entry["id"],
                "exchange": evidence[0],
                "exchanges": evidence,
            }
            report["findings"].append({**fault, **finding})
        report["requirements"].append(entry)
    page = html.render(report)
    assert len(page.encode()) < 10_000_000
    embedded = {int(number) for number in re.findall(r'id="exchange-(\d+)"', page)}
    assert len(embedded) > 500
    assert embedded <= {number for finding in report["findings"] for number in finding["exchanges"]}
    assert f"The other {50_000 - len(embedded):,} are in report.json" in page
