"""report.json: its schema, its canonical form, files that appear whole or not at all, and each way to refuse one."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from acs_conformance import report as reports
from acs_conformance.errors import ReportError

SAMPLE = Path(__file__).parent / "data" / "report-sample.json"


@pytest.fixture
def report():
    return json.loads(SAMPLE.read_text("utf-8"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_sample_holds_every_verdict(report):
    assert all(report["run"]["counts"].values())
    assert {"none", "pass", "inconclusive", "fail", "error"} == {r["verdict"] for r in report["requirements"]}


def test_the_schema_is_a_valid_schema_and_takes_the_sample(report):
    jsonschema.Draft202012Validator.check_schema(reports.schema())
    jsonschema.Draft202012Validator(reports.schema()).validate(report)


def test_every_property_of_the_schema_is_described_in_a_sentence():
    def properties(node, at=""):
        if isinstance(node, dict):
            for name, value in node.get("properties", {}).items():
                yield f"{at}/{name}", value
            for name, value in node.items():
                yield from properties(value, f"{at}/{name}")

    found = dict(properties(reports.schema()))
    assert len(found) > 80
    assert [at for at, value in found.items() if not value.get("description", "").endswith((".", ")"))] == []


def test_every_object_of_the_schema_is_closed():
    def open_objects(node, at=""):
        if isinstance(node, dict):
            if "properties" in node and isinstance(node.get("type", "object"), str | list):
                if node.get("additionalProperties") is not False and "type" in node:
                    yield at
                if not set(node.get("required", ())) <= set(node["properties"]):
                    yield f"{at}: requires what it does not know"
            for name, value in node.items():
                yield from open_objects(value, f"{at}/{name}")

    assert list(open_objects(reports.schema())) == []


def test_a_written_report_reads_back_as_it_was(report, tmp_path):
    report["exchanges"][0]["response"]["body"] = "lone \ud800 and \u2028 \x00 and é \U0001f600"
    report["exchanges"][1]["request"]["body"] = {"base64": "//4="}
    report["run"]["seed"] = 2**70
    reports.write_json(report, tmp_path / "report.json")
    assert reports.load(tmp_path / "report.json") == report
    assert reports.load(str(tmp_path)) == report


def test_the_canonical_form_keeps_the_order_and_is_what_the_sample_has(report, tmp_path):
    reports.write_json(report, tmp_path / "report.json")
    assert (tmp_path / "report.json").read_bytes() == SAMPLE.read_bytes()
    assert SAMPLE.read_bytes().endswith(b"\n}\n")


def test_all_formats_are_written_into_a_new_folder(report, tmp_path):
    files = reports.write_all(report, tmp_path / "a" / "b")
    assert files == {name: tmp_path / "a" / "b" / name for name in ("report.json", *reports.FORMATS)}
    assert names(tmp_path / "a" / "b") == sorted([*files, "findings"])
    assert all(path.stat().st_size for path in files.values())


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(report, tmp_path, monkeypatch, moment):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    path = tmp_path / "report.json"
    reports.write_json(report, path)
    before = path.read_bytes()
    monkeypatch.setattr(os if moment == "fsync" else Path, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        reports.write_json(report | {"findings": []}, path)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["report.json"]


def test_a_process_that_dies_while_writing_leaves_the_old_file(report, tmp_path):
    reports.write_json(report, tmp_path / "report.json")
    code = (
        "import os, sys\n"
        "from acs_conformance import report\n"
        "os.fsync = lambda _: os._exit(9)\n"
        "report.write_json({'half': 'written'}, sys.argv[1])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "report.json")], check=False)
    assert ended.returncode == 9
    assert reports.load(tmp_path) == report


def test_a_report_that_is_not_json_data_is_not_written(report, tmp_path):
    report["run"]["seconds"] = float("nan")
    with pytest.raises(ReportError, match="not JSON data"):
        reports.write_json(report, tmp_path / "report.json")
    assert names(tmp_path) == []


def test_a_place_that_can_not_be_written_is_named(report, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"file/report\.json: can't be written"):
        reports.write_json(report, tmp_path / "file" / "report.json")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"verdict: pass\n", "not JSON: Expecting value in line 1, column 1"),
        (b'{"a": 1,, "b": 2}', "not JSON: .* in line 1, column 9"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b"[]", "at /schema_version: .*not a report"),
        (b"{}", "at /schema_version: .*not a report"),
        (b'{"schema_version": 1}', "at /schema_version: .*not a report"),
        (b'{"schema_version": "2.0"}', "at /schema_version: version '2.0' of the format; .* reads '1.0' only"),
        (b'{"schema_version": "1.0"}', ": .*is a required property"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(ReportError, match=reason) as error:
        reports.load(path)
    assert str(error.value).startswith(f"{path}: ")


def test_a_missing_report_is_refused(tmp_path):
    with pytest.raises(ReportError, match="no such file"):
        reports.load(tmp_path)


def test_a_torn_report_is_called_torn_wherever_it_is_torn(tmp_path):
    whole = SAMPLE.read_bytes()
    path = tmp_path / "report.json"
    ends = [*range(1, 200), *range(200, len(whole) - 2, 397), whole.index("…".encode()) + 1, len(whole) - 2]
    for end in ends:
        path.write_bytes(whole[:end])
        with pytest.raises(ReportError, match="torn"):
            reports.load(path)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda r: r["requirements"][2].update(verdict="passed"), "/requirements/2/verdict"),
        (lambda r: r["requirements"][0].update(extra=1), "/requirements/0"),
        (lambda r: r["findings"][0]["rate"].update(failed=-1), "/findings/0/rate/failed"),
        (lambda r: r["exchanges"][0]["request"]["headers"].append(["one"]), "/exchanges/0/request/headers/0"),
        (lambda r: r["exchanges"][0]["response"].update(body=None), "/exchanges/0/response/body"),
        (lambda r: r["readings"][0]["evidence"].update({"a/b~c": ["x"]}), "/readings/0/evidence/a~1b~0c/0"),
        (lambda r: r["run"].update(started_at="today"), "/run/started_at"),
        (lambda r: r["run"].pop("counts"), "/run"),
        (lambda r: r["descriptions"][0].update(sha256="x"), "/descriptions/0/sha256"),
    ],
)
def test_a_report_of_another_shape_is_refused_with_the_place(report, tmp_path, change, pointer):
    broken = copy.deepcopy(report)
    change(broken)
    reports.write_json(broken, tmp_path / "report.json")
    with pytest.raises(ReportError) as error:
        reports.load(tmp_path)
    assert f": at {pointer}: " in str(error.value)
    assert len(str(error.value)) < 600
