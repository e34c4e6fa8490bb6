"""A run that breaks by an error of our own: it ends what it has created, says so, and is never taken for a good one."""

from __future__ import annotations

import sys

import pytest

import servers
from acs_conformance import faults, intents, report, spec_folder

START = spec_folder.load("StartRtcCloudTranscode")

#: A run in which our judge breaks at the n-th exchange.
_JUDGE_BREAKS = """
from acs_conformance import cli, dispatch
judge, left = dispatch.judge_exchange, [{at}]

def breaks(*given):
    left[0] -= 1
    if left[0] < 0:
        raise LookupError("a bug")
    return judge(*given)

dispatch.judge_exchange = breaks
cli.main()
"""
#: A run that can't read its journal of intents when it looks for what has to be ended.
_INTENTS_ARE_LOST = """
from acs_conformance import cli, intents
from acs_conformance.errors import ReportError

def fails(self):
    raise ReportError("intents.jsonl: can't be read: Input/output error")

intents.Intents.unsettled = fails
cli.main()
"""


def broken(script, url, folder, *arguments):
    given = ("run", START.operation, "--target", url, "--depth", "quick", "--no-self-check", "--report-dir", folder)
    return servers.process([sys.executable, "-c", script, *given, *arguments], folder)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_defect_of_ours_ends_jobs_and_is_reported_as_an_error(tmp_path, threads):
    core = servers.core_of()
    with servers.serving(lambda request, _: core.handle(request)) as server:
        ended = broken(_JUDGE_BREAKS.format(at=12), server.url, tmp_path, "--concurrency", threads)
    assert ended.code == 4
    assert "error: LookupError: a bug. This is a defect of acs-conformance" in ended.err
    assert "ERROR (exit code 4)" in ended.out
    run = ended.report["run"]
    assert (run["exit_code"], run["verdict"], run["is_complete"]) == (4, "error", False)
    assert run["stopped"] == "an error of acs-conformance: LookupError"
    assert (tmp_path / "report.html").exists()
    assert core.jobs
    assert all(core.life.has_ended(job) for job in core.jobs)
    assert {each.is_settled for each in intents.read(tmp_path / intents.FILE)} == {True}


def test_a_failure_that_was_found_before_outranks_it(tmp_path):
    fault = next(
        each for each in faults.catalogue(START) if each.id.startswith("StartRtcCloudTranscode.AppId.required")
    )
    with servers.emulates(fault=fault) as server:
        ended = broken(_JUDGE_BREAKS.format(at=60), server.url, tmp_path)
    assert "error: LookupError: a bug" in ended.err
    assert ended.code == ended.report["run"]["exit_code"] == 1
    assert ended.failed


def test_what_can_not_be_ended_for_an_error_costs_no_report(tmp_path):
    with servers.emulates() as server:
        ended = broken(_INTENTS_ARE_LOST, server.url, tmp_path)
    assert ended.code == 4
    assert "error: intents.jsonl: can't be read: Input/output error" in ended.err
    assert "something may still run: acs-conformance cleanup" in ended.err
    assert ended.report["run"]["exit_code"] == 4
    assert report.load(tmp_path)["run"]["counts"]["pass"] > 10
