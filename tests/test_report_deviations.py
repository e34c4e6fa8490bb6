"""Accepted deviations in every format: told wherever findings are, never in their stead, whatever texts they hold."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
import xmlschema

from acs_conformance.report import badge, diff, html, junit, markdown, sarif, statement
from acs_conformance.summary import Screen, brief, summary
from hostile import poisoned, sample
from test_report_html import HOSTILE as HOSTILE_HTML
from test_report_html import Page as HtmlPage
from test_report_markdown import HOSTILE as HOSTILE_MARKDOWN
from test_report_markdown import Page as MarkdownPage

DATA = Path(__file__).parent / "data"
SHA = "ab" * 32
APP, CHANNEL = "StartRtcCloudTranscode.AppId.pattern", "StartRtcCloudTranscode.ChannelId.pattern"
REQUIRED = "StartRtcCloudTranscode.AppId.required"
NOTICES = (
    "expires in 7 days, after 2026-12-01",
    "expired after 2026-11-01, so it covers nothing",
    "no longer occurs: remove it",
)


def deviation(name, state, until, days_left, notice, **more):
    return {
        "requirements": [name],
        "cause": "accepted",
        "answer": "",
        "reason": f"the reason of {until}",
        "until": until,
        "days_left": days_left,
        "source": f"acs-conformance.toml:{days_left + 30}",
        "state": state,
        "occurred": [],
        "gone": [],
        "notice": notice,
        **more,
    }


@pytest.fixture
def report():
    """The sample with a failure that is covered, one whose deviation has expired, and a deviation that is gone."""
    report = sample()
    report["run"]["covered"] = 1
    report["deviations"] = [
        deviation(CHANNEL, "covers", "2026-12-01", 7, NOTICES[0], occurred=[CHANNEL]),
        deviation(APP, "expired", "2026-11-01", -23, NOTICES[1], occurred=[APP]),
        deviation(REQUIRED, "gone", "2027-05-01", 158, NOTICES[2], gone=[REQUIRED]),
    ]
    for name, position in ((CHANNEL, 0), (APP, 1)):
        (row,) = (r for r in report["requirements"] if r["id"] == name)
        row["failures"][0]["deviation"], row["is_covered"] = position, position == 0
        (finding,) = (f for f in report["findings"] if f["requirement"] == name)
        finding |= {"is_covered": position == 0, "deviations": [position]}
    for finding in report["findings"]:
        finding["replay"] = "send it again"
    return report


def conforming(report):
    """The same run with nothing but what is covered."""
    report["requirements"] = [r for r in report["requirements"] if r["is_covered"] or r["verdict"] == "pass"]
    report["findings"] = [f for f in report["findings"] if f["is_covered"]]
    report["deviations"] = report["deviations"][:1]
    counts = Counter(r["verdict"] for r in report["requirements"])
    report["run"]["counts"] |= {name: counts[name] for name in report["run"]["counts"]}
    report["run"] |= {"verdict": "conforms", "exit_code": 0, "selected": len(report["requirements"])}
    return report


RENDERED = {
    "html": lambda report: HtmlPage(html.render(report)).text,
    "markdown": lambda report: MarkdownPage(markdown.render(report)).text,
    "statement as html": lambda report: HtmlPage(statement.html(report, SHA)).text,
    "statement as markdown": lambda report: MarkdownPage(statement.markdown(report, SHA)).text,
    "sarif": sarif.render,
    "junit": junit.render,
    "terminal": lambda report: "\n".join(summary(report, Screen(height=None))),
}


@pytest.mark.parametrize("name", RENDERED)
def test_reasons_days_and_notices_are_told(report, name):
    text = RENDERED[name](report)
    assert "the reason of 2026-12-01" in text
    assert "until 2026-12-01" in text
    for notice in NOTICES:
        assert notice in text
    if name != "sarif":
        assert "the reason of 2026-11-01" in text
    assert "1 of them as accepted" in text or "1 as accepted" in text or name in ("sarif", "junit")


@pytest.mark.parametrize("name", ["html", "markdown", "statement as html", "statement as markdown"])
def test_a_run_that_conforms_by_them_says_so_at_its_head(report, name):
    text = RENDERED[name](conforming(report))
    assert "Keeps its contract, with 1 accepted failure" in text
    assert "none fails" not in text


def test_the_badge_counts_what_is_not_accepted(report):
    assert "2 failing" in badge.render(report)
    assert "conforms, 1 accepted" in badge.render(conforming(report))


def test_the_terminal_keeps_failures_and_known_ones_apart(report):
    lines = list(summary(report, Screen()))
    failing = [line.split(":")[0] for line in lines if line.startswith("FAIL ")]
    assert f"FAIL {APP}" in failing
    assert f"FAIL {CHANNEL}" not in failing
    assert f"KNOWN {CHANNEL}: accepted until 2026-12-01, the reason of 2026-12-01" in lines
    assert "     was accepted until 2026-11-01 by acs-conformance.toml:7: the reason of 2026-11-01" in lines


def test_a_quiet_terminal_keeps_them_apart_too(report):
    lines = list(brief(report, Screen()))
    words = {line.split("~")[0] for line in lines if line.startswith(("FAIL", "KNOWN"))}
    assert {f"FAIL {APP}", f"KNOWN {CHANNEL}"} <= words
    for notice in NOTICES:
        assert notice in "\n".join(lines)


def test_the_page_marks_the_finding_and_links_to_its_requirement(report):
    page = HtmlPage(html.render(report))
    ids = page.values("id")
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)
    assert {"deviations", "h-deviations"} <= set(ids)
    assert "deviations" not in HtmlPage(html.render(sample())).values("id")


def test_junit_counts_a_covered_failure_as_skipped_and_an_expired_one_as_a_failure(report):
    text = junit.render(report)
    xmlschema.XMLSchema10(DATA / "junit-10.xsd").validate(text)
    assert re.search(rf'name="{re.escape(CHANNEL)}"[^>]*>\s*<skipped message="fails, accepted until', text)
    assert re.search(rf'name="{re.escape(APP)}"[^>]*>\s*<failure ', text)


def test_sarif_gives_every_result_its_suppressions(report):
    log = json.loads(sarif.render(report))
    jsonschema.Draft4Validator(json.loads((DATA / "sarif-2.1.0-rtm.5.json").read_text("utf-8"))).validate(log)
    found = {result["ruleId"]: result["suppressions"] for result in log["runs"][0]["results"]}
    assert {name for name, suppressions in found.items() if suppressions} == {CHANNEL}


@pytest.mark.parametrize("of", [html.render, lambda report: statement.html(report, SHA)], ids=["page", "statement"])
def test_hostile_text_stays_text(report, of):
    clean, page = HtmlPage(of(report)), HtmlPage(of(poisoned(report, HOSTILE_HTML)))
    # A longer id has more places to wrap, and no operation in front that a row of the heat map could do without.
    more = Counter(tag for tag, _ in page.elements) - Counter(tag for tag, _ in clean.elements)
    assert set(more) <= {"wbr", "td"}
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert page.raw == clean.raw


@pytest.mark.parametrize("hostile", HOSTILE_MARKDOWN)
@pytest.mark.parametrize("of", [markdown.render, lambda report: statement.markdown(report, SHA)], ids=["job", "state"])
def test_hostile_text_stays_text_in_markdown(report, of, hostile):
    clean, page = MarkdownPage(of(report)), MarkdownPage(of(poisoned(report, hostile)))
    assert [tag for tag in page.tags if tag != "span"] == clean.tags
    assert page.links == []


def test_hostile_text_stays_text_in_xml_and_sarif(report):
    hostile = poisoned(report, HOSTILE_HTML)
    xmlschema.XMLSchema10(DATA / "junit-10.xsd").validate(junit.render(hostile))
    for result in json.loads(sarif.render(hostile))["runs"][0]["results"]:
        assert not any(set("\u202e\x00") & set(each["justification"]) for each in result["suppressions"])


# --- two runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("then", "now", "kinds", "is_regression"),
    [
        ("pass", "covered", {"covered"}, False),
        ("fail", "covered", {"covered"}, False),
        ("covered", "covered", set(), False),
        ("covered", "fail", {"newly_failing"}, True),
        ("covered", "pass", {"fixed"}, False),
        ("covered", "inconclusive", {"lost_coverage"}, True),
    ],
)
def test_an_accepted_failure_is_neither_a_failure_nor_a_pass(then, now, kinds, is_regression):
    old, new = sample(), sample()
    for report, state in ((old, then), (new, now)):
        (row,) = (r for r in report["requirements"] if r["id"] == CHANNEL)
        row |= {"verdict": "fail" if state == "covered" else state, "is_covered": state == "covered"}
    changes = diff.compare(old, new)
    assert {kind for kind in diff.KINDS if changes[kind]} == kinds
    assert changes["is_regression"] is is_regression
