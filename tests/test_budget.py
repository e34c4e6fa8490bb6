"""Budgets: what may be spent holds exactly, whoever shares it and whoever is killed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from acs_conformance.budget import PATIENCE_S, Budget, Exhausted, Limits, Unaffordable
from acs_conformance.errors import ReportError

_SPENDER = """
import random, sys, time
from pathlib import Path
from acs_conformance.budget import Budget, Exhausted, Limits, Unaffordable
jobs, requests = int(sys.argv[2]), int(sys.argv[3])
budget = Budget(Limits(max_jobs=jobs, max_requests=requests), Path(sys.argv[1]))
spent = sent = 0
try:
    while True:
        budget.request()
        sent += 1
        unit = budget.reserve(has_to_be_refused=False)
        time.sleep(random.uniform(0, 0.01))
        is_spent = random.random() < 0.4
        spent += is_spent
        budget.settle(unit, is_spent=is_spent)
except (Exhausted, Unaffordable):
    print(spent, sent)
"""


def spenders(path, count, jobs, requests):
    """(units spent, requests sent) of processes that spend until nothing is left."""
    command = [sys.executable, "-c", _SPENDER, str(path), str(jobs), str(requests)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    found = [process.communicate(timeout=120)[0].split() for process in running]
    assert all(process.returncode == 0 for process in running)
    return sum(int(spent) for spent, _ in found), sum(int(sent) for _, sent in found)


def test_processes_together_spend_every_unit_and_not_one_more(tmp_path):
    """Units that are given back are spent by others, so nothing is left over either."""
    assert spenders(tmp_path / "b", 4, jobs=10, requests=10_000)[0] == 10


def test_processes_together_send_every_request_and_not_one_more(tmp_path):
    assert spenders(tmp_path / "b", 4, jobs=10_000, requests=50)[1] == 50


def test_threads_together_spend_every_unit_and_not_one_more():
    budget = Budget(Limits(max_jobs=5))
    spent = []

    def spend():
        try:
            while True:
                unit = budget.reserve(has_to_be_refused=False)
                time.sleep(0.001)
                is_spent = len(spent) % 2 == 0
                budget.settle(unit, is_spent=is_spent)
                spent.append(is_spent)
        except Unaffordable:
            return

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(spent) == budget.spent("job") == 5


def test_a_killed_process_keeps_what_it_had_reserved(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from acs_conformance.budget import *\n"
        "Budget(Limits(max_jobs=1), Path(sys.argv[1])).reserve(has_to_be_refused=False); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "b")], check=False)
    assert killed.returncode == -9
    later = Budget(Limits(max_jobs=1), tmp_path / "b", clock=lambda: time.time() + PATIENCE_S + 1)
    with pytest.raises(Unaffordable, match=r"^not tested: budget: no job is left \(--max-jobs 1\)$"):
        later.reserve(has_to_be_refused=False)
    assert later.spent("job") == 1


def test_the_last_unit_is_waited_for_as_long_as_it_may_be_given_back():
    waits = []
    budget = Budget(Limits(max_jobs=1), sleep=lambda seconds: (waits.append(seconds), give_back()))
    first = budget.reserve(has_to_be_refused=True)

    def give_back():
        budget.settle(first, is_spent=False)

    assert budget.reserve(has_to_be_refused=False) is not None
    assert len(waits) == 1


def test_what_has_to_be_refused_goes_on_alone_until_it_was_accepted():
    now, waits = [1000.0], []

    def sleep(seconds):
        waits.append(seconds)
        now[0] += PATIENCE_S

    budget = Budget(Limits(max_jobs=0, max_surprises=2), clock=lambda: now[0], sleep=sleep)
    for _ in range(5):  # refused, as it has to be
        budget.settle(budget.reserve(has_to_be_refused=True), is_spent=False)
    assert not waits
    with pytest.raises(Unaffordable, match="no job is left"):
        budget.reserve(has_to_be_refused=False)
    budget.reserve(has_to_be_refused=True)
    budget.settle(budget.reserve(has_to_be_refused=True), is_spent=True)
    assert waits, "two at a time"
    with pytest.raises(Unaffordable, match=r"^not tested: budget: .* \(--max-surprises 2\)"):
        budget.reserve(has_to_be_refused=True)


def test_without_surprises_nothing_goes_on():
    with pytest.raises(Unaffordable, match="--max-surprises 0"):
        Budget(Limits(max_jobs=0, max_surprises=0)).reserve(has_to_be_refused=True)


def test_seconds_count_from_whoever_came_first(tmp_path):
    limits = Limits(max_seconds=10)
    Budget(limits, tmp_path / "b", clock=lambda: 100.0).request()
    Budget(limits, tmp_path / "b", clock=lambda: 109.9).request()
    with pytest.raises(Exhausted, match=r"^the limit of 10 seconds was reached$"):
        Budget(limits, tmp_path / "b", clock=lambda: 110.0).request()


def test_what_ends_a_thing_is_counted_and_never_refused():
    budget = Budget(Limits(max_requests=2))
    budget.request(is_free=True)
    budget.request()
    budget.request(is_free=True)
    with pytest.raises(Exhausted, match=r"^the limit of 2 requests was reached$"):
        budget.request()


class Failing:
    """A connection on which a statement fails, each time or once, or is interrupted once it was done."""

    def __init__(self, file, statement, error, times=1):
        self._file = file
        self._statement = statement
        self._error = error
        self._times = times

    def execute(self, sql, *given):
        fails = sql.startswith(self._statement) and self._times
        if fails:
            self._times -= 1
        if fails and isinstance(self._error, Exception):
            raise self._error
        found = self._file.execute(sql, *given)
        if fails:
            raise self._error
        return found

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.parametrize("statement", ["BEGIN", "UPDATE", "COMMIT"])
@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), KeyboardInterrupt()], ids=repr)
def test_what_breaks_a_count_spoils_no_later_one(tmp_path, statement, error):
    budget = Budget(Limits(max_requests=2, max_jobs=2), tmp_path / "b")
    budget._file = Failing(budget._file, statement, error)
    with pytest.raises(ReportError if isinstance(error, Exception) else KeyboardInterrupt):
        budget.request()
    assert budget.reserve(has_to_be_refused=False) is not None
    assert budget.spent("job") == 1
    budget.request()
    other = Budget(Limits(max_requests=2, max_jobs=2), tmp_path / "b")
    assert other.spent("job") == 1, "nobody else is locked out"
    budget.close()
    other.close()


def test_what_ends_a_thing_is_sent_where_nobody_can_count(tmp_path):
    budget = Budget(Limits(max_requests=2), tmp_path / "b")
    budget._file = Failing(budget._file, "BEGIN", sqlite3.OperationalError("disk I/O error"), times=9)
    budget.request(is_free=True)
    with pytest.raises(ReportError, match=r"b: can't count what is spent there: disk I/O error$"):
        budget.request()
    budget.close()


def test_without_limits_nothing_is_counted_and_no_file_made(tmp_path):
    budget = Budget(Limits(), tmp_path / "b")
    budget.request()
    assert budget.reserve(has_to_be_refused=False) is None
    budget.settle(None, is_spent=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "profile", "holds"),
    [
        (Limits(), Limits(max_jobs=3), Limits(max_jobs=3)),
        (Limits(max_jobs=0, max_surprises=4), Limits(max_jobs=3), Limits(max_jobs=0, max_surprises=4)),
        (Limits(max_jobs=9, max_requests=5), Limits(max_jobs=3), Limits(max_jobs=3, max_requests=5)),
        (Limits(max_seconds=2.5), Limits(max_seconds=1), Limits(max_seconds=1)),
    ],
)
def test_the_smaller_of_two_limits_holds(given, profile, holds):
    assert given.within(profile) == holds
