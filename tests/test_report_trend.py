"""trend: hundreds of runs on one page, by operation and target; what changed is told in words beside its picture."""

import copy
import itertools
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from acs_conformance import report as reports
from acs_conformance.cli import cli
from acs_conformance.errors import UsageError
from acs_conformance.report import history, trend
from hostile import poisoned, sample
from test_report_html import HOSTILE, Page

START = datetime(2026, 1, 1, 2, tzinfo=UTC)


def moment(number):
    return (START + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def night(number, **verdicts):
    """The report of a night; requirements by the end of their id."""
    report = sample()
    report["run"] |= {"id": f"n{number}", "started_at": moment(number)}
    report["findings"] = []
    for requirement in report["requirements"]:
        requirement["verdict"] = "pass"
        for end, verdict in verdicts.items():
            if requirement["id"].endswith(end):
                requirement["verdict"] = verdict
    return report


def stored(folder, *nights):
    for report in nights:
        reports.write_json(report, folder / report["run"]["id"] / "report.json")
    return folder


def read(folder):
    return history.read(sorted(folder.rglob("report.json")), reports.load)


def page(folder):
    return Page(trend.render(read(folder), folder))


def made(*arguments):
    return CliRunner().invoke(cli, ["trend", *map(str, arguments)], standalone_mode=False)


ID = sample()["requirements"][0]["id"]
OPERATION = sample()["descriptions"][0]["operation"]


def only_series(folder):
    found = read(folder)
    (key, course), *others = history.series(found).items()
    assert not others
    return trend._series(found, key, course, folder)


# --- reading --------------------------------------------------------------------------------------------------------


def test_runs_stand_in_the_order_of_their_times_whatever_their_folders(tmp_path):
    for number, name in ((2, "a"), (0, "b/deep/er"), (1, "c")):
        reports.write_json(night(number), tmp_path / name / "report.json")
    assert [run.run_id for run in read(tmp_path).runs] == ["n0", "n1", "n2"]


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"schema_version": "9.9"}', "\xff", '{"results": []}'])
def test_a_broken_file_is_told_and_skipped(tmp_path, broken):
    stored(tmp_path, night(0), night(1))
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "report.json").write_bytes(broken.encode("latin-1"))
    told = made(tmp_path)
    assert told.exit_code == 0
    assert f"warning: {tmp_path}/torn/report.json: " in told.stderr
    shown = (tmp_path / "trend.html").read_text("utf-8")
    assert "torn/report.json" in shown
    assert str(tmp_path) not in shown
    assert ">2 runs</h1>" in shown


def test_a_folder_without_a_report_is_an_error(tmp_path):
    with pytest.raises(UsageError, match=r"there is no report\.json that can be read"):
        raise made(tmp_path).exception
    assert not (tmp_path / "trend.html").exists()


def test_exchanges_are_not_kept(tmp_path):
    (run,) = read(stored(tmp_path, night(0))).runs
    (part,) = run.parts.values()
    assert part.exchanges == len(sample()["exchanges"])
    assert set(part.times) == {"median", "p95"}
    assert not hasattr(part, "__dict__")


def test_a_series_is_an_operation_on_a_target(tmp_path):
    nights = [night(number) for number in range(4)]
    nights[0]["target"] = {"url": "http://127.0.0.1:8080", "kind": "given URL"}
    nights[1]["target"] = {"url": "http://127.0.0.1:1", "kind": "embedded emulator"}
    nights[2]["target"] = {"url": "http://127.0.0.1:2", "kind": "embedded emulator"}
    nights[3]["target"] = {"url": "https://b.example", "kind": "staging"}
    nights[3]["descriptions"].append({**nights[3]["descriptions"][0], "operation": "Another"})
    found = history.series(read(stored(tmp_path, *nights)))
    runs = {key: [run.run_id for run, _ in course] for key, course in found.items()}
    assert runs == {
        ("Another", "staging"): ["n3"],
        (OPERATION, "embedded emulator"): ["n1", "n2"],
        (OPERATION, "staging"): ["n3"],
        (OPERATION, "http://127.0.0.1:8080"): ["n0"],
    }


# --- what is arranged -----------------------------------------------------------------------------------------------


def test_a_requirement_that_changed_has_a_strip_and_its_changes_in_words(tmp_path):
    course = ["pass", "fail", "fail", "inconclusive", "pass", "fail"]
    series = only_series(stored(tmp_path, *(night(n, **{ID: verdict}) for n, verdict in enumerate(course))))
    (row,) = series["strips"]
    assert (row["id"], row["now"], row["is_gone"], row["earlier"]) == (ID, "fail", False, 0)
    told = [(change["time"], change["old"], change["new"]) for change in row["changes"]]
    assert told == [
        (moment(1), "pass", "fail"),
        (moment(3), "fail", "inconclusive"),
        (moment(4), "inconclusive", "pass"),
        (moment(5), "pass", "fail"),
    ]
    paths = {part["verdict"]: part["d"] for part in row["strip"]}
    assert paths["fail"] == "M1 0.0h2v1.0h-2zM5 0.0h1v1.0h-1z"
    assert re.findall(r"M(\d+) ", paths["pass"]) == ["0", "4"]
    assert series["state"] == "fail"
    assert series["since"] == {"runs": 1, "time": moment(5)}


def test_the_others_are_named_by_their_verdict(tmp_path):
    nights = [night(number, **{ID: "inconclusive"}) for number in range(2)]
    (first, second) = only_series(stored(tmp_path, *nights))["steady"]
    assert (first["verdict"], first["names"]) == ("inconclusive", [ID])
    assert second["verdict"] == "pass"
    assert len(second["names"]) == len(sample()["requirements"]) - 1


def test_a_run_that_did_not_select_a_requirement_is_a_gap_and_no_change(tmp_path):
    nights = [night(number) for number in range(4)]
    nights[1]["requirements"] = nights[1]["requirements"][1:]
    nights[2]["requirements"][0]["verdict"] = "fail"
    nights[3]["requirements"] = nights[3]["requirements"][1:]
    (row,) = only_series(stored(tmp_path, *nights))["strips"]
    assert [part["d"] for part in row["strip"]] == ["M0 0.55h1v0.45h-1z", "M2 0.0h1v1.0h-1z"]
    assert [(change["old"], change["new"]) for change in row["changes"]] == [("pass", "fail")]
    assert row["is_gone"]
    assert "not in the last run" in page(tmp_path).text


def test_what_fails_now_comes_first_and_of_that_what_failed_last(tmp_path):
    ends = [requirement["id"] for requirement in sample()["requirements"][:4]]
    plan = {ends[0]: "ppfp", ends[1]: "ffpp", ends[2]: "pfff", ends[3]: "pppf"}
    words = {"p": "pass", "f": "fail"}
    nights = [night(n, **{end: words[course[n]] for end, course in plan.items()}) for n in range(4)]
    rows = only_series(stored(tmp_path, *nights))["strips"]
    assert [row["id"] for row in rows] == [ends[3], ends[2], ends[0], ends[1]]


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ({}, "pass"),
        ({ID: "fail", "e": "inconclusive"}, "fail"),
        ({ID: "error", "e": "inconclusive"}, "error"),
        ({ID: "inconclusive"}, "inconclusive"),
        ({"": "none"}, "inconclusive"),
    ],
)
def test_the_state_of_an_operation_is_its_worst_verdict_and_nothing_is_green_by_silence(tmp_path, verdicts, state):
    assert only_series(stored(tmp_path, night(0, **verdicts)))["state"] == state


def test_a_requirement_without_a_verdict_is_pending_unless_its_situation_did_not_arise(tmp_path):
    report = night(0, **{ID: "none"})
    report["requirements"][0]["conditional"] = True
    assert only_series(stored(tmp_path, report))["state"] == "pass"
    report["requirements"][0]["conditional"] = False
    assert only_series(stored(tmp_path, report))["state"] == "inconclusive"


def test_bars_are_on_a_scale_of_their_own(tmp_path):
    nights = [night(0, **{ID: "fail"}), night(1), night(2, e="fail")]
    many = sum(r["verdict"] == "fail" for r in nights[2]["requirements"])
    (fail, *_) = only_series(stored(tmp_path, *nights))["counts"]
    assert (fail["verdict"], fail["most"], fail["last"]) == ("fail", many, many)
    heights = [float(height) for height in re.findall(r"v-([\d.]+)", fail["d"])]
    assert heights == [pytest.approx(1 / many, rel=1e-3), 1.0]


def test_a_changed_description_and_a_changed_reading_are_told(tmp_path):
    nights = [night(number) for number in range(3)]
    for report, digest, reading in zip(nights, "001", ("refused", "taken", "taken"), strict=True):
        report["descriptions"][0]["sha256"] = digest * 64
        report["readings"][0]["observed"] = reading
    series = only_series(stored(tmp_path, *nights))
    assert series["marks"] == [{"column": 2, "time": moment(2), "old": "0" * 64, "new": "1" * 64}]
    (reading,) = series["readings"]
    assert (reading["id"], reading["now"]) == (nights[0]["readings"][0]["id"], "taken")
    assert [(c["time"], c["old"], c["new"]) for c in reading["changes"]] == [(moment(1), "refused", "taken")]
    shown = page(tmp_path).text
    assert "The description changed" in shown
    assert nights[0]["readings"][0]["question"] in shown


def test_latency_is_a_step_for_each_run_and_a_gap_where_nothing_was_answered(tmp_path):
    nights = [night(number) for number in range(4)]
    for report, time in zip(nights, (0.1, 0.2, None, 0.05), strict=True):
        for exchange in report["exchanges"]:
            exchange |= {"elapsed_s": time or 0.0} | ({} if time else {"response": None, "failure": "closed"})
    found = only_series(stored(tmp_path, *nights))["latency"]
    assert found["most"] == 200.0
    assert found["lines"][0] == {"name": "median", "d": "M0 0.5h1V0h1M3 0.75h1", "last": 50.0}


def test_many_changes_are_summed_up_and_the_last_ones_told(tmp_path):
    nights = [night(n, **{ID: "fail" if n % 2 else "pass"}) for n in range(9)]
    (row,) = only_series(stored(tmp_path, *nights))["strips"]
    assert (len(row["changes"]), row["earlier"]) == (4, 4)
    assert "4 earlier changes" in page(tmp_path).text


# --- the page -------------------------------------------------------------------------------------------------------


def test_pictures_have_their_words_beside_them(tmp_path):
    stored(tmp_path, night(0), night(1, **{ID: "fail"}))
    shown = page(tmp_path)
    pictures = [attrs for tag, attrs in shown.elements if tag == "svg"]
    assert pictures
    assert all(attrs["aria-hidden"] == "true" for attrs in pictures)
    captions = [tag for tag, _ in shown.elements if tag in ("table", "caption")]
    assert captions == ["table", "caption"] * (len(captions) // 2)
    assert all(attrs.get("scope") in ("row", "col") for tag, attrs in shown.elements if tag == "th")
    levels = [int(tag[1]) for tag, _ in shown.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = shown.values("id")
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in shown.values("href") if link.startswith("#")} <= set(ids)


def test_a_run_links_to_its_report_where_there_is_one(tmp_path):
    stored(tmp_path / "a b", night(0), night(1))
    (tmp_path / "a b" / "n1" / "report.html").write_text("")
    made(tmp_path / "a b", "-o", tmp_path / "public" / "index.html")
    shown = Page((tmp_path / "public" / "index.html").read_text("utf-8"))
    assert {link for link in shown.values("href") if not link.startswith("#")} == {"../a%20b/n1/report.html"}


def test_the_page_loads_and_runs_nothing(tmp_path):
    source = trend.render(read(stored(tmp_path, night(0))), tmp_path)
    shown = Page(source)
    policy = next(attrs["content"] for _, attrs in shown.elements if "http-equiv" in attrs)
    assert "script-src 'none'" in policy
    assert not {tag for tag, _ in shown.elements} & {"script", "link", "img", "iframe", "base", "form"}
    assert shown.values("style") == shown.values("src") == []
    assert not re.search(r"@import|url\(", shown.raw["style"])


def test_hostile_text_stays_text(tmp_path):
    nights = [night(0), night(1, **{ID: "fail"})]
    nights[1]["readings"][0]["observed"] = "otherwise"
    nights[1]["run"]["only"] = "*"
    clean = page(stored(tmp_path / "clean", *nights))
    for number, report in enumerate(nights):
        reports.write_json(poisoned(report, HOSTILE), tmp_path / "bad" / str(number) / "report.json")
    shown = Page(trend.render(read(tmp_path / "bad"), tmp_path / "bad"))
    # An operation that an id does not begin with any more is not dimmed: fewer elements, and none that is new but the
    # places at which a longer id may wrap.
    assert set(Counter(tag for tag, _ in shown.elements) - Counter(tag for tag, _ in clean.elements)) <= {"wbr"}
    assert not [name for _, attrs in shown.elements for name in attrs if name.startswith("on")]
    assert shown.raw == clean.raw


def test_hundreds_of_runs_are_a_page_of_readable_size(tmp_path):
    """Five hundred runs of five hundred requirements, one in ten of which flaps every night."""
    model = night(0)
    template = model["requirements"][0]
    model["exchanges"], model["statements"] = model["exchanges"][:1], []

    def load(file):
        number = int(file.name)
        report = copy.copy(model)
        report["run"] = model["run"] | {"id": f"n{number}", "started_at": moment(number)}
        report["requirements"] = [
            template | {"id": f"{OPERATION}.{n}", "verdict": "fail" if n < 50 and (n + number) % 2 else "pass"}
            for n in range(500)
        ]
        return report

    files = [tmp_path / str(number) for number in range(500)]
    text = trend.render(history.read(files, load), tmp_path)
    assert len(text) < 2_000_000
    assert text.count("<") < 50_000
