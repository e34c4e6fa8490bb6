"""The conformance statement: all that it must say, the same bytes each time, and on paper with the hash of its page."""

import hashlib
import os
import re
import shutil
import sys

import pytest
from click.testing import CliRunner

from acs_conformance import report as reports
from acs_conformance.cli import cli
from acs_conformance.errors import ReportError, UsageError
from acs_conformance.report import pdf, statement
from hostile import poisoned, sample
from test_report_html import HOSTILE as HOSTILE_HTML
from test_report_html import Page as HtmlPage
from test_report_markdown import HOSTILE, Page

SHA = "ab" * 32


@pytest.fixture
def report():
    return sample()


@pytest.fixture
def folder(report, tmp_path):
    reports.write_json(report, tmp_path / "run" / "report.json")
    return tmp_path / "run"


def made(*arguments):
    return CliRunner().invoke(cli, ["statement", *map(str, arguments)], standalone_mode=False)


@pytest.mark.parametrize("style", ["html", "markdown"])
def test_it_says_what_was_tested_and_how_it_came_out(report, style):
    text = statement.html(report, SHA) if style == "html" else statement.markdown(report, SHA)
    page = (HtmlPage if style == "html" else Page)(text).text
    run, (description,) = report["run"], report["descriptions"]
    for fact in (*(description[m] for m in ("operation", "product", "version", "page", "file", "sha256")), SHA):
        assert fact in page
    for fact in (report["target"]["url"], report["target"]["kind"], run["depth"], run["id"], run["tool"]["version"]):
        assert fact in page
    assert f"seed {run['seed']}" in page
    assert "2026-11-24 08:42:13 UTC to 2026-11-24 08:42:15 UTC" in page
    assert "29 of 30 seeded faults" in page
    assert "Breaks its contract" in page
    for finding in report["findings"]:
        assert finding["claim"] in page
        assert finding["received"] in page
    for requirement in report["requirements"]:
        assert (requirement["id"] in page) is (requirement["verdict"] != "pass")
    for reading in report["readings"]:
        name = reading["id"].removeprefix(f"{reading['operation']}.")
        assert re.search(rf"{re.escape(name)}:?\s+{re.escape(reading['observed'])}", page)
    assert statement.SCOPE in page
    assert "Signed off by" in page


def test_requirements_are_counted_by_operation_and_none_is_told_apart(report):
    model = report["requirements"][0]
    report["requirements"] += [
        {**model, "id": "Other.a", "operation": "Other", "verdict": "none", "conditional": True},
        {**model, "id": "Other.b", "operation": "Other", "verdict": "none", "conditional": False},
        {**model, "id": "Other.c", "operation": "Other", "verdict": "pass"},
    ]
    operation = report["descriptions"][0]["operation"]
    first = [6, 3, 1, 1, 0, 2]
    rows = {operation: first, "Other": [1, 0, 0, 0, 1, 1]}
    rows["all"] = [sum(pair) for pair in zip(first, rows["Other"], strict=True)]
    lines = [f"| `{name}` | {' | '.join(map(str, counts))} |" for name, counts in rows.items()]
    assert "\n".join(lines) in statement.markdown(report, SHA)


def test_an_early_end_and_a_partial_run_are_said(report):
    report["run"] |= {"stopped": "interrupted", "is_complete": False, "diagnosis": "all is wrong"}
    for text in (statement.html(report, SHA), statement.markdown(report, SHA)):
        assert "interrupted" in text
        assert "had not ended" in text
        assert "all is wrong" in text


@pytest.mark.parametrize("style", ["html", "markdown"])
def test_the_same_report_gives_the_same_bytes_wherever_and_whenever(folder, tmp_path, style, monkeypatch):
    first = made(folder, "--format", style)
    assert first.exit_code == 0
    shutil.copy(folder / "report.json", tmp_path / "renamed.json")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    told = made(tmp_path / "renamed.json", "--format", style, "-o", tmp_path / "new" / "statement")
    assert (told.exit_code, told.output) == (0, "")
    assert (tmp_path / "new" / "statement").read_bytes() == first.stdout_bytes
    assert hashlib.sha256((folder / "report.json").read_bytes()).hexdigest() in first.output


def test_another_report_gives_another_hash(folder, report):
    before = made(folder).output
    report["run"]["seconds"] += 1
    reports.write_json(report, folder / "report.json")
    assert made(folder).output != before


def test_the_page_loads_and_runs_nothing(report):
    source = statement.html(report, SHA)
    page = HtmlPage(source)
    policy = next(attrs["content"] for _, attrs in page.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src 'none'" in policy
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "base", "a", "form"}
    assert not re.search(r"@import|url\(", page.raw["style"])


def test_hostile_text_stays_text(report):
    report["run"] |= {"diagnosis": "all is wrong", "stopped": "too early", "only": "Op.*"}
    clean, page = HtmlPage(statement.html(report, SHA)), HtmlPage(statement.html(poisoned(report, HOSTILE_HTML), SHA))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in clean.elements]
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert page.raw == clean.raw


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_stays_text_in_markdown(report, hostile):
    report["run"] |= {"diagnosis": "all is wrong", "stopped": "too early", "only": "Op.*"}
    clean, page = Page(statement.markdown(report, SHA)), Page(statement.markdown(poisoned(report, hostile), SHA))
    assert [tag for tag in page.tags if tag != "span"] == clean.tags
    assert page.links == []


def test_a_report_of_nothing_is_a_statement(report):
    report |= {name: [] for name in ("descriptions", "statements", "requirements", "readings", "findings", "exchanges")}
    report["run"] |= {"counts": dict.fromkeys(report["run"]["counts"], 0), "self_check": None}
    assert "Breaks its contract" in HtmlPage(statement.html(report, SHA)).text
    assert "Breaks its contract" in Page(statement.markdown(report, SHA)).text


# --- on paper -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser():
    try:
        return pdf.find(os.environ)
    except ReportError:
        pytest.skip(f"there is no Chromium; {pdf.VARIABLE} can name one")


def test_the_pdf_is_a_sheet_that_carries_the_hash_of_the_html(folder, tmp_path, browser):
    told = made(folder, "--format", "pdf", "-o", tmp_path / "statement.pdf")
    assert told.exit_code == 0, told.exception
    printed = (tmp_path / "statement.pdf").read_bytes()
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    shown = hashlib.sha256(made(folder, "--format", "html").stdout_bytes).hexdigest()
    assert f"/Title (Conformance statement, printed from HTML of SHA-256 {shown})".encode() in printed
    assert f"<code>{shown}</code>" in statement.html(reports.load(folder), SHA, html_sha256=shown)


def test_a_pdf_is_not_for_the_terminal(folder):
    with pytest.raises(UsageError, match="-o FILE"):
        raise made(folder, "--format", "pdf").exception


@pytest.mark.parametrize(
    ("environ", "reason"),
    [({"PATH": ""}, "none on PATH"), ({"PATH": "", "ACS_CHROMIUM": "/no/browser"}, "ACS_CHROMIUM names /no/browser")],
)
def test_without_a_browser_the_error_says_what_to_do(folder, tmp_path, monkeypatch, environ, reason):
    monkeypatch.delenv("ACS_CHROMIUM", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    told = made(folder, "--format", "pdf", "-o", tmp_path / "x.pdf")
    assert isinstance(told.exception, ReportError)
    assert reason in str(told.exception)
    assert "--format html" in str(told.exception)
    assert not (tmp_path / "x.pdf").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo first >&2; echo 'no display' >&2; exit 3", r"exit code 3\): no display"),
        ("exit 0", "it said nothing"),
        ("exec tail -f /dev/null", "did not print within"),
    ],
)
def test_a_browser_that_fails_or_hangs_is_an_error(tmp_path, monkeypatch, script, reason):
    monkeypatch.setattr(pdf, "_TIMEOUT_S", 0.3 if "tail" in script else 60)
    fake = tmp_path / "browser"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    assert pdf.find({"ACS_CHROMIUM": str(fake)}) == str(fake)
    with pytest.raises(ReportError, match=reason):
        pdf.render("<p>", str(fake))
