"""report.html: one page that loads nothing, shows every outcome, and shows what a target answered as text only."""

import base64
import copy
import hashlib
import itertools
import json
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from acs_conformance.report import heat_map, html, plots, text, view

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
    assert [link for link in page.values("href") if not link.startswith(("#", "https://", "findings/"))] == []


def test_anchors_are_safe_and_tell_ids_apart():
    assert view.anchor("Op.Items[].Id.maxLength") == "Op.Items~.Id.maxLength"
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", view.anchor('a b"<>#\u202e\x00%'))
    assert view.anchor("a[]") != view.anchor("a") != view.anchor("a.")


def test_the_page_is_accessible_without_a_mouse_or_eyes(report):
    source = html.render(report)
    page = Page(source)
    tags = Counter(tag for tag, _ in page.elements)
    assert source.partition("</head>")[0].count("<title>") == 1  # pictures have titles too: their tool tips
    assert dict(page.elements)["html"] == {"lang": "en"}
    assert (tags["main"], tags["header"], tags["footer"], tags["nav"], tags["h1"]) == (1,) * 5
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
    # A longer id has more places to wrap, and no operation in front that a row of the heat map could do without.
    more = Counter(tag for tag, _ in page.elements) - Counter(tag for tag, _ in clean.elements)
    assert set(more) <= {"wbr", "td"}
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
    assert all(link.startswith(("#", "findings/")) for link in Page(html.render(report)).values("href"))


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


def test_the_verdict_stays_at_the_top_however_many_operations_there_are(report):
    model = report["descriptions"][0]
    report["descriptions"] = [{**model, "operation": f"Operation{number}"} for number in range(40)]
    source = html.render(report)
    head = source.partition('<h1 class="headline')[0]
    assert head.count('<p class="what">') == 40
    assert head.partition('<details class="others">')[0].count('<p class="what">') == view.HEAD
    assert "and 36 other operations" in head


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
    assert f"{len(embedded):,} of 50,000 exchanges" in page


def test_exchanges_beyond_the_limit_stand_beside_the_page(report, monkeypatch):
    """Each is on the page or beside it, and every link leads to a file that holds it."""
    monkeypatch.setattr(view, "_MOST", 10_000)
    monkeypatch.setattr(view, "_LEAST", 10_000)
    model = report["exchanges"]
    numbers = [*range(1, 1_200), 7_000]
    report["exchanges"] = [{**model[n % len(model)], "number": n} for n in numbers]
    for index, requirement in enumerate(report["requirements"]):
        requirement["evidence"] = numbers[index::90]
    page, beside = html.render(report), dict(html.render_beside(report))
    assert list(beside) == [f"exchanges/{n + 1:06d}-{n + 500:06d}.html" for n in (0, 500, 1_000, 6_500)]
    embedded = {int(number) for number in re.findall(r'id="exchange-(\d+)"', page)}
    assert embedded
    assert f"{len(embedded):,} of 1,200 exchanges" in page
    shown = [int(number) for text in beside.values() for number in re.findall(r'id="exchange-(\d+)"', text)]
    assert sorted(shown) == numbers
    links = re.findall(r'href="(exchanges/[^"#]*)#exchange-(\d+)"', page)
    assert links
    assert [link for link in links if f'id="exchange-{link[1]}"' not in beside[link[0]]] == []
    for source in beside.values():
        assert {link for link in Page(source).values("href") if ".html" in link} <= {
            "../report.html",
            *(name.removeprefix("exchanges/") for name in beside),
        }


def test_the_heat_map_has_a_cell_for_each_requirement(report):
    tables = [table for mine in heat_map.tables(report).values() for table in mine]
    cells = [cell for t in tables for row in t["rows"] for run in row["runs"] for cell in run["cells"]]
    assert sorted(cell["id"] for cell in cells) == sorted(r["id"] for r in report["requirements"])
    for table in tables:
        for row in table["rows"]:
            assert sum(run["width"] for run in row["runs"]) == len(table["columns"])
    (requests,) = (table for table in tables if table["name"] == "Requests")
    assert {"AppId", "ChannelId"} <= {row["name"] for row in requests["rows"]}
    row = next(row for row in requests["rows"] if row["name"] == "AppId")
    at = sum(run["width"] for run in row["runs"][: [bool(run["cells"]) for run in row["runs"]].index(True)])
    assert (
        row["runs"][[bool(run["cells"]) for run in row["runs"]].index(True)]["cells"][0]["keyword"]
        == (requests["columns"][at])
    )


def test_many_kinds_of_check_share_a_column(report):
    model = report["requirements"][0]
    operation = model["operation"]
    report["requirements"] = [
        {**model, "id": f"{operation}.Part{row}.{keyword}", "kind": "gateway", "keyword": keyword}
        for row in range(2)
        for keyword in ("shared", *(f"own{row}-{number}" for number in range(12)))
    ]
    (table,) = heat_map.tables(report)[operation]
    assert table["columns"] == ["shared"]
    assert [len(row["others"]) for row in table["rows"]] == [12, 12]
    assert html.render(report).count('class="c c-') == len(report["requirements"])


@pytest.mark.parametrize(
    ("milliseconds", "edges"), [(0.004, ("0.00", "0.01")), (1.0, ("1.00", "1.50")), (69.9, ("50.0", "70.0"))]
)
def test_a_time_stands_in_the_bar_that_it_belongs_to(report, milliseconds, edges):
    for exchange in report["exchanges"]:
        exchange |= {"elapsed_s": milliseconds / 1000}
    latency = plots.draw(report["exchanges"])[0]
    count = len([exchange for exchange in report["exchanges"] if exchange["response"]])
    assert f"<title>{edges[0]} to {edges[1]} ms: {count}</title>" in latency["svg"]
    assert latency["rows"][0][1:3] == (str(count), plots.shown(milliseconds))


def test_the_pictures_say_in_words_and_tables_what_they_show(report):
    start = report["exchanges"][0]["sent_at"]
    for number, exchange in enumerate(report["exchanges"]):
        exchange |= {"sent_at": start + number * 60, "judged": "right", "elapsed_s": 0.010}
    report["exchanges"][-1] |= {"judged": "wrong", "elapsed_s": 2.5}
    count = len(report["exchanges"])
    latency, outcomes, times = plots.draw(report["exchanges"])
    assert f"Half of {count} answers came within 10.0 ms" in latency["says"]
    assert "slowest after 2,500 ms" in latency["says"]
    assert f"{count - 1} got a right answer, 1 a wrong one, from 1.06e+03 s on" in outcomes["says"]
    assert sum(int(row[3]) for row in outcomes["rows"]) == count - 1
    assert times["rows"][-1][-3:] == ("2,500", "2,500", "2,500")
    for picture in (latency, outcomes, times):
        assert " style=" not in picture["svg"]
        assert "<script" not in picture["svg"]


def test_a_run_without_answers_has_no_pictures(report):
    for exchange in report["exchanges"]:
        exchange |= {"response": None, "failure": "the connection was closed"}
    assert plots.draw(report["exchanges"]) == plots.draw([]) == []
    assert 'id="times"' not in html.render(report)


def test_the_picture_library_leaves_imports_as_they_were(report):
    plots.draw(report["exchanges"])
    assert not [finder for finder in sys.meta_path if not hasattr(finder, "find_spec")]
