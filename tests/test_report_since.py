"""What changed since the last time: which report that was, and what the page says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acs_conformance import report as reports
from acs_conformance.errors import ReportError
from acs_conformance.report import diff, html, since
from hostile import sample
from test_report_html import Page

FAILING = "StartRtcCloudTranscode.AppId.pattern"


def at(day, **run):
    report = sample()
    report["run"] |= {"id": f"r{day}", "started_at": f"2026-11-{day:02d}T08:00:00Z", **run}
    return report


def stored(folder, report, *, age):
    reports.write_json(report, folder / "report.json")
    os.utime(folder / "report.json", (1_000_000 - age, 1_000_000 - age))
    return folder / "report.json"


def found(tmp_path, report):
    seen = since.find(report, tmp_path / "now", reports.read)
    return seen and seen.file.parent.name


def test_it_is_the_last_run_of_the_same_target(tmp_path):
    stored(tmp_path / "older", at(20), age=90)
    stored(tmp_path / "last", at(21), age=80)
    other = at(22)
    other["target"] = {"url": "http://127.0.0.1:1", "kind": "given URL"}
    stored(tmp_path / "other target", other, age=70)
    stored(tmp_path / "other selection", at(22, only="*.AppId.*"), age=60)
    stored(tmp_path / "killed", at(22, is_complete=False), age=50)
    more = at(22)
    more["descriptions"] = [{**more["descriptions"][0], "operation": "Other"}]
    stored(tmp_path / "other operation", more, age=40)
    stored(tmp_path / "later", at(24), age=30)
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "report.json").write_text("{")
    stored(tmp_path / "now", at(23), age=0)  # its own report, written already
    assert found(tmp_path, at(23)) == "last"
    assert found(tmp_path, at(19)) is None


def test_a_part_of_the_same_campaign_is_no_earlier_run(tmp_path):
    day = {"id": "same", "ended_at": "2026-11-21T09:00:00Z"}
    stored(tmp_path / "the day before", at(21, **day), age=9)
    part = at(23, **day | {"ended_at": "2026-11-23T09:00:00Z"})
    stored(tmp_path / "part", part, age=5)
    assert found(tmp_path, at(23, id="same")) == "the day before"


def test_no_more_is_read_than_a_run_can_wait_for(tmp_path, monkeypatch):
    stored(tmp_path / "last", at(21), age=9)
    assert found(tmp_path, at(23)) == "last"
    monkeypatch.setattr(since, "_BYTES", 1_000)
    assert found(tmp_path, at(23)) is None


def test_the_page_says_what_changed_and_marks_what_is_new(tmp_path):
    before, now = at(21), at(23)
    before["findings"] = [f for f in before["findings"] if FAILING not in f["requirements"]]
    for requirement in before["requirements"]:
        if requirement["id"] == FAILING:
            requirement |= {"verdict": "pass", "failed": 0, "reason": ""}
        elif requirement["verdict"] == "pass":
            requirement |= {"verdict": "fail", "failed": 1, "reason": "wrong"}
    before["readings"][0]["observed"] = "otherwise"
    stored(tmp_path / "before", before, age=9)
    reports.write_all(before, tmp_path / "before")
    files = reports.write_all(now, tmp_path / "now")
    page = Page(files["report.html"].read_text("utf-8"))
    fixed = sum(requirement["verdict"] == "pass" for requirement in now["requirements"])
    assert "Since 2026-11-21 08:00:00 UTC: 1 requirement newly fails; " in page.text
    assert f"{fixed} requirements are fixed; 1 open question is answered otherwise." in page.text
    assert "../before/report.html" in page.values("href")
    assert "../before/report.json" in page.text
    # At the head and at the finding.
    assert page.values("class").count("new") == 2
    assert "since worse" in page.values("class")


def test_a_run_like_the_last_one_says_so(tmp_path):
    reports.write_all(at(21), tmp_path / "before")
    files = reports.write_all(at(23), tmp_path / "now")
    page = Page(files["report.html"].read_text("utf-8"))
    assert "Since 2026-11-21 08:00:00 UTC: nothing changed." in page.text
    assert "new" not in page.values("class")


def test_the_first_run_says_that_it_has_nothing_to_compare_with(tmp_path):
    files = reports.write_all(at(23), tmp_path / "now")
    page = Page(files["report.html"].read_text("utf-8"))
    assert "There is no earlier run to compare with beside this one." in page.text
    assert "changes" not in page.values("id")


def test_a_report_that_is_named_comes_before_what_stands_beside(tmp_path):
    reports.write_all(at(22), tmp_path / "reports" / "yesterday")
    baseline = stored(tmp_path / "release", at(1), age=9)
    files = reports.write_all(at(23), tmp_path / "reports" / "now", baseline)
    assert "Since 2026-11-01 08:00:00 UTC" in Page(files["report.html"].read_text("utf-8")).text
    with pytest.raises(ReportError, match="no such file"):
        reports.write_all(at(23), tmp_path / "x", tmp_path / "none.json")


def test_every_list_of_a_comparison_has_its_words():
    assert set(since._WORDS) == set(diff.KINDS)
    report, before = at(23), at(21)
    before["requirements"] = before["requirements"][1:]
    told = since.changes(report, before, Path("old/report.json"), Path("now"))
    assert told["summary"] == "1 requirement is new."
    assert "1 requirement is new" in html.render(report, told)
