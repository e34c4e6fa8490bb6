"""diff: every change by id, none lost in totals; regressions told from the rest; latency beyond noise only."""

import copy
import json
import random

import pytest
from click.testing import CliRunner

from acs_conformance import report as reports
from acs_conformance.cli import cli
from acs_conformance.report import diff, diff_markdown, latency
from hostile import poisoned, sample
from test_report_markdown import HOSTILE, Page

LISTS = (*diff.KINDS, "readings", "descriptions", "latency", "notes")


@pytest.fixture
def old():
    return sample()


@pytest.fixture
def new(old):
    return copy.deepcopy(old)


def one(report, verdict, **wanted):
    """A requirement of the report with this verdict."""
    return next(
        r for r in report["requirements"] if r["verdict"] == verdict and all(r[k] == v for k, v in wanted.items())
    )


def again(report, name):
    return next(r for r in report["requirements"] if r["id"] == name)


def changed(old, new):
    changes = diff.compare(old, new)
    json.dumps(changes, allow_nan=False)
    return {
        name: [c["id"] if isinstance(c, dict) and "id" in c else c for c in changes[name]]
        for name in LISTS
        if changes[name]
    }, changes["is_regression"]


def test_a_run_and_itself_do_not_differ(old):
    assert changed(old, old) == ({}, False)


@pytest.mark.parametrize(
    ("then", "now", "kind", "is_regression"),
    [
        ("pass", "fail", "newly_failing", True),
        ("none", "fail", "newly_failing", True),
        ("inconclusive", "fail", "newly_failing", True),
        ("error", "fail", "newly_failing", True),
        ("pass", "none", "lost_coverage", True),
        ("pass", "inconclusive", "lost_coverage", True),
        ("pass", "error", "lost_coverage", True),
        ("fail", "inconclusive", "lost_coverage", True),
        ("fail", "pass", "fixed", False),
        ("none", "pass", "gained_coverage", False),
        ("inconclusive", "pass", "gained_coverage", False),
        ("error", "pass", "gained_coverage", False),
        ("none", "inconclusive", None, False),
        ("error", "none", None, False),
    ],
)
def test_every_change_of_a_verdict_has_its_list(old, new, then, now, kind, is_regression):
    name = one(old, "pass")["id"]
    again(old, name).update({"verdict": then, "conditional": False})
    again(new, name).update({"verdict": now, "conditional": False})
    assert changed(old, new) == ({kind: [name]} if kind else {}, is_regression)


def test_one_fixed_and_one_broken_are_two_changes_though_no_total_moves(old, new):
    broken, fixed = one(new, "pass"), one(new, "fail")
    broken["verdict"], fixed["verdict"] = "fail", "pass"
    assert changed(old, new) == ({"newly_failing": [broken["id"]], "fixed": [fixed["id"]]}, True)


def test_a_situation_that_did_not_arise_this_time_is_told_and_is_no_regression(old, new):
    name = one(old, "pass")["id"]
    again(new, name).update({"verdict": "none", "conditional": True})
    assert changed(old, new) == ({"lost_coverage": [name]}, False)
    again(new, name)["verdict"] = "inconclusive"
    assert changed(old, new) == ({"lost_coverage": [name]}, True)


def test_a_requirement_that_comes_and_one_that_goes(old, new):
    passed = one(old, "pass")
    new["requirements"].remove(again(new, passed["id"]))
    # The description is the same: it was not selected, and nothing is known of it any more.
    assert changed(old, new) == ({"lost_coverage": [passed["id"]], "removed": [passed["id"]]}, True)
    assert changed(new, old) == ({"added": [passed["id"]]}, False)
    before = dict(new["descriptions"][0])
    new["descriptions"][0]["sha256"] = "0" * 64
    described = {"operation": before["operation"], "old": before["sha256"], "new": "0" * 64}
    assert changed(old, new) == ({"removed": [passed["id"]], "descriptions": [described]}, False)


def test_a_new_requirement_that_fails_is_a_regression(old, new):
    failed = one(new, "fail")
    old["requirements"].remove(again(old, failed["id"]))
    assert changed(old, new) == ({"newly_failing": [failed["id"]], "added": [failed["id"]]}, True)


def test_a_failure_for_another_cause_is_not_the_old_one(old, new):
    finding = new["findings"][0]
    finding["cause"] = "another cause"
    names = [name for name in finding["requirements"] if again(new, name)["verdict"] == "fail"]
    assert changed(old, new) == ({"failing_otherwise": names}, True)
    told = diff.compare(old, new)["failing_otherwise"][0]["findings"]
    assert [each["cause"] for each in told] == ["another cause"]
    # One cause fewer is none that is new.
    old["findings"].append({**finding, "cause": "a third cause", "id": "x"})
    new["findings"][0]["cause"] = "a third cause"
    assert changed(old, new) == ({}, False)


@pytest.mark.parametrize(
    ("then", "now", "is_regression"),
    [("refused", "taken", True), ("refused", "mixed", False), ("not observed", "taken", False)],
)
def test_a_changed_reading(old, new, then, now, is_regression):
    old["readings"][0]["observed"], new["readings"][0]["observed"] = then, now
    assert changed(old, new) == ({"readings": [old["readings"][0]["id"]]}, is_regression)


def test_a_question_that_only_one_report_asks(old, new):
    name = new["readings"].pop(0)["id"]
    assert changed(old, new) == ({"readings": [name]}, False)
    assert changed(new, old) == ({"readings": [name]}, False)


@pytest.mark.parametrize(
    ("part", "member", "value", "note"),
    [
        ("run", "depth", "quick", "different depths"),
        ("run", "seed", 7, "different seeds"),
        ("run", "only", "*.x", "different selections"),
        ("run", "tool", {"name": "acs-conformance", "version": "9"}, "different versions of the tool"),
        ("run", "is_complete", False, "NEW is the partial report"),
        ("run", "stopped", "unreachable", "NEW ended early: unreachable"),
        ("run", "started_at", "2020-01-01T00:00:00Z", "OLD began after NEW"),
        ("target", "kind", "staging", "different targets"),
    ],
)
def test_what_makes_runs_hard_to_compare_is_noted(old, new, part, member, value, note):
    new[part][member] = value
    (told,), is_regression = changed(old, new)[0]["notes"], changed(old, new)[1]
    assert note in told
    assert not is_regression


def test_the_embedded_emulator_is_one_target_whatever_its_port(old, new):
    for report, port in ((old, 1), (new, 2)):
        report["target"] = {"url": f"http://127.0.0.1:{port}", "kind": "embedded emulator"}
    assert changed(old, new) == ({}, False)


# --- latency --------------------------------------------------------------------------------------------------------


def timed(report, times, operation="Op"):
    model = report["exchanges"][0]
    report["exchanges"] = [
        {**model, "number": number, "operation": operation, "case": f"c{number}", "elapsed_s": time}
        for number, time in enumerate(times, 1)
    ]
    return report


def shifts(old, new):
    return [(shift["operation"], shift["quantile"]) for shift in diff.compare(old, new)["latency"]]


def test_a_shift_of_all_times_is_seen_in_both_quantiles_and_both_directions(old, new):
    times = [0.010 + 0.00001 * n for n in range(400)]
    timed(old, times), timed(new, [2 * time for time in times])
    assert shifts(old, new) == shifts(new, old) == [("Op", "median"), ("Op", "p95")]
    (shift, _) = diff.compare(old, new)["latency"]
    assert shift["old"] == {"ms": 11.99, "low_ms": 11.73, "high_ms": 12.26, "exchanges": 400}
    assert diff.compare(old, new)["is_regression"] is False


def test_a_tail_shows_in_the_95th_percentile_only(old, new):
    times = [0.010 + 0.00001 * n for n in range(400)]
    timed(old, times), timed(new, [time * (5 if n % 10 == 0 else 1) for n, time in enumerate(times)])
    assert shifts(old, new) == [("Op", "p95")]


@pytest.mark.parametrize(
    ("count", "factor", "base"),
    [(29, 10, 0.010), (400, 1.2, 0.010), (400, 3, 0.0002)],
    ids=["of too few", "of less than a quarter", "of less than a millisecond"],
)
def test_what_is_no_shift(old, new, count, factor, base):
    timed(old, [base] * count), timed(new, [base * factor] * count)
    assert shifts(old, new) == []


def test_a_burst_of_slow_answers_is_no_lasting_shift(old, new):
    times = [0.010 + 0.00001 * n for n in range(400)]
    timed(old, times), timed(new, [time * (9 if 100 <= n < 160 else 1) for n, time in enumerate(times)])
    slow = [exchange["elapsed_s"] for exchange in new["exchanges"]]
    assert latency.estimate(times, 0.95).high < latency.estimate(slow, 0.95).low
    assert shifts(old, new) == []


def test_thirty_exchanges_are_enough_for_a_median_and_too_few_for_a_tail(old, new):
    timed(old, [0.010] * 30), timed(new, [0.050] * 30)
    assert shifts(old, new) == [("Op", "median")]


def test_only_cases_that_both_sent_are_compared_and_only_answered_ones(old, new):
    timed(old, [0.010] * 100), timed(new, [0.010] * 100 + [5.0] * 400)
    assert shifts(old, new) == []
    for exchange in new["exchanges"][:80]:
        exchange |= {"response": None, "elapsed_s": 9.0}
    assert shifts(old, new) == []


def test_two_samples_of_one_distribution_hardly_ever_shift(old, new):
    """Of a thousand pairs, skewed as latencies are, at most one is called a shift."""
    draw = random.Random(7)  # noqa: S311 - no secret
    found = 0
    for _ in range(1_000):
        first, second = ([draw.lognormvariate(3, 0.6) for _ in range(120)] for _ in range(2))
        for share in latency.QUANTILES.values():
            a, b = (latency.estimate(sorted(times), share) for times in (first, second))
            found += a.high < b.low or b.high < a.low
    assert found <= 1


def test_an_interval_holds_the_true_quantile_as_often_as_it_says():
    draw = random.Random(11)  # noqa: S311 - no secret
    for share in latency.QUANTILES.values():
        for count in (30, 100, 500):
            inside = 0
            for _ in range(400):
                found = latency.estimate(sorted(draw.random() for _ in range(count)), share)
                inside += found.low <= share <= found.high
            assert inside / 400 >= 0.98


def test_a_quantile_is_a_time_that_was_measured():
    times = [float(n) for n in range(1, 101)]
    assert [latency.quantile(times, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1, 50, 95, 100]
    assert latency.quantile([7.0], 0.95) == 7.0


# --- what people see ------------------------------------------------------------------------------------------------


@pytest.fixture
def two(old, new, tmp_path):
    broken, lost, fixed = (
        one(new, "pass"),
        [r for r in new["requirements"] if r["verdict"] == "pass"][1],
        one(new, "fail"),
    )
    broken["verdict"], lost["verdict"], fixed["verdict"] = "fail", "inconclusive", "pass"
    lost["reason"] = "throttled"
    new["findings"][0] |= {"requirement": broken["id"], "requirements": [broken["id"]], "replay": "see it again"}
    new["readings"][0]["observed"] = "another"
    new["descriptions"][0]["sha256"] = "0" * 64
    timed(old, [0.010] * 200), timed(new, [0.050] * 200)
    reports.write_json(old, tmp_path / "old" / "report.json")
    reports.write_json(new, tmp_path / "new" / "report.json")
    return tmp_path / "old", tmp_path / "new"


def test_the_command_tells_the_changes_and_its_exit_code_says_whether_it_got_worse(two):
    old, new = map(str, two)
    told = CliRunner().invoke(cli, ["diff", old, new], standalone_mode=False)
    assert told.return_value == 1
    assert told.output.startswith("## ❌ Regression: 1 requirement newly fails, 1 lost its verdict")
    for heading in (
        "Newly failing (1)",
        "Lost coverage (1)",
        "Fixed (1)",
        "Changed readings",
        "Changed descr",
        "Latency",
    ):
        assert f"### {heading}" in told.output
    assert "- again: `see it again`" in told.output
    assert "- `throttled`" in told.output
    assert "median 10.0 ms (10.0 to 10.0 ms, 200 exchanges) → 50.0 ms" in told.output
    assert CliRunner().invoke(cli, ["diff", old, f"{old}/report.json"], standalone_mode=False).return_value == 0


def test_the_command_gives_the_same_as_json(two):
    old, new = map(str, two)
    told = CliRunner().invoke(cli, ["diff", old, new, "--format", "json"], standalone_mode=False)
    assert told.return_value == 1
    assert json.loads(told.output) == json.loads(json.dumps(diff.compare(reports.load(old), reports.load(new))))


def test_a_report_that_can_not_be_read_is_an_error(two, tmp_path):
    told = CliRunner().invoke(cli, ["diff", str(two[0]), str(tmp_path / "nowhere")], standalone_mode=False)
    assert isinstance(told.exception, reports.ReportError)


def test_nothing_changed_is_said(old):
    assert diff_markdown.render(diff.compare(old, old)).startswith("## ✅ Nothing changed\n")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_every_place_stays_text(two, hostile):
    old, new = map(reports.load, two)
    clean = Page(diff_markdown.render(diff.compare(old, new)))
    page = Page(diff_markdown.render(diff.compare(poisoned(old, hostile), poisoned(new, hostile))))
    assert [tag for tag in page.tags if tag != "span"] == clean.tags
    assert page.links == []


def test_one_cause_of_many_requirements_is_told_once(old, new):
    broken = [r for r in new["requirements"] if r["verdict"] == "pass"][:3]
    for requirement in broken:
        requirement["verdict"] = "fail"
    names = [requirement["id"] for requirement in broken]
    new["findings"].append({**new["findings"][0], "id": "shared", "requirements": names, "replay": "see it again"})
    text = diff_markdown.render(diff.compare(old, new))
    assert "- for 1 cause, 3 requirements:\n" in text
    assert text.count("see it again") == 1
    assert [name for name in names if f"  - `{name}`: pass → fail." in text] == names


def test_a_long_list_says_how_much_it_leaves_out(old, new):
    model = one(old, "pass")
    new["requirements"] += [{**model, "id": f"Op.{number}"} for number in range(250)]
    text = diff_markdown.render(diff.compare(old, new))
    assert "### New requirements (250)" in text
    assert "- and 50 more; `--format json` lists them all" in text


def test_large_reports_are_compared_in_seconds(old, new):
    model, exchange = one(old, "pass"), old["exchanges"][0]
    for report in (old, new):
        report["requirements"] = [{**model, "id": f"Op.{number}"} for number in range(5_000)]
        report["exchanges"] = [{**exchange, "number": n, "case": f"c{n}"} for n in range(1, 50_001)]
    assert changed(old, new) == ({}, False)
