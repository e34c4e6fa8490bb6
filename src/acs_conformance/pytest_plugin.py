"""The pytest plugin: one item for each requirement, the same engine and the same verdicts as the command line.

Loaded in every pytest of whoever installs the package, so it imports late and does nothing until a test asks for one of
its fixtures. The conformance suites ask for `requirement` and `campaign`; run them with

    pytest --pyargs acs_conformance.suites --acs-target http://127.0.0.1:8080

Cases are sent on first need. Under pytest-xdist the workers share one journal and take turns in sending.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acs_conformance.guard import Guard
    from acs_conformance.requirement import Requirement
    from acs_conformance.run import Run
    from acs_conformance.store import Store
    from acs_conformance.target import Target
    from acs_conformance.verdict import Result

_STATE = pytest.StashKey["Session"]()
_FOLDER = pytest.StashKey[Path]()
_STARTED = pytest.StashKey[float]()
_CODE_UNDECIDED = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, prefixed, for they stand beside those of every other plugin."""
    group = parser.getgroup("acs-conformance", "conformance of cloud APIs")
    group.addoption("--acs-target", metavar="URL", help="address to test; without it the embedded emulator")
    group.addoption(
        "--acs-profile", metavar="NAME_OR_FILE", help="target as acs-conformance.toml or a file describes it"
    )
    group.addoption(
        "--acs-operation", metavar="NAME", action="append", default=[], help="operation to test; all if none"
    )
    group.addoption("--acs-depth", choices=("quick", "standard", "exhaustive"), help="standard, if not given")
    group.addoption("--acs-seed", type=int, default=0, metavar="N", help="decides what is drawn")
    group.addoption("--acs-signature", choices=("v3", "v1"), help="how requests are signed; v3, if not given")
    group.addoption("--acs-run-id", metavar="ID", help="reproduces the identifiers of an earlier run")
    group.addoption("--acs-max-jobs", type=_count, metavar="N", help="have no more created than this, 0 for nothing")
    group.addoption(
        "--acs-max-surprises", type=_count, default=1, metavar="N", help="invalid requests accepted when no job is left"
    )
    group.addoption("--acs-max-requests", type=_count, metavar="N", help="send no more than this")
    group.addoption("--acs-max-seconds", type=float, metavar="N", help="stop sending after this")
    group.addoption("--acs-deviations", metavar="FILE", help="accepted failures, beside those of the profile")
    group.addoption("--acs-report-dir", metavar="DIR", help="where the report goes; without it none is written")
    group.addoption("--acs-spec", metavar="DIR", help="folder with descriptions, instead of those that ship")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that the suites use."""
    config.addinivalue_line("markers", "acs_family(*kinds): requirements of these kinds, one item each")
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[_FOLDER] = Path(worker["acs_folder"])


def _count(text: str) -> int:
    """A number of things, for an option."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return int(text)


class _XdistHooks:
    """Hooks of pytest-xdist, registered only where it is installed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - xdist has no types
        """Give each worker the folder that all share, and the run's identity."""
        node.workerinput["acs_folder"] = str(_folder(self._config))
        node.workerinput["acs_started_at"] = _started_at(self._config)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Listen to xdist, if this is its controller."""
    if session.config.pluginmanager.hasplugin("dsession") and not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_XdistHooks(session.config), "acs-conformance-xdist")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """An item for each requirement of the family that a suite's test is marked with."""
    marker = metafunc.definition.get_closest_marker("acs_family")
    if marker is None or "requirement" not in metafunc.fixturenames:
        return
    run = _session(metafunc.config).run
    chosen = [requirement for requirement in run.requirements if requirement.kind in marker.args]
    metafunc.parametrize("requirement", chosen, ids=[requirement.id for requirement in chosen])


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the report, stop the emulator; nothing undecided ends green."""
    config = session.config
    if hasattr(config, "workerinput"):
        _note_seen(config)
        return
    folder = config.stash.get(_FOLDER, None)
    if folder is None or not folder.exists():  # no test asked for anything of ours
        return
    from acs_conformance import shared_emulator

    try:
        wanted = ("--acs-report-dir", "--acs-target", "--acs-profile")
        if (folder / "journal.jsonl").exists() and (_STATE in config.stash or any(map(config.getoption, wanted))):
            _session(config).finish()  # the controller of xdist has no session of its own yet
    finally:
        shared_emulator.stop(folder)
    seen = _seen(config) | {note.name.partition("-")[0] for note in folder.glob("*-gw*")}
    if _STATE not in config.stash or not config.stash[_STATE].leaves_something:  # else `cleanup` needs the folder
        shutil.rmtree(folder, ignore_errors=True)
    is_shown = bool(seen & {"passed", "accepted"}) or not seen
    if exitstatus == pytest.ExitCode.OK and ("undecided" in seen or not is_shown):
        session.exitstatus = _CODE_UNDECIDED


class Session:
    """The campaign of one pytest run, or of one worker's part in it."""

    def __init__(self, config: pytest.Config) -> None:
        from acs_conformance.budget import Limits
        from acs_conformance.options import Options
        from acs_conformance.profile import load, load_deviations
        from acs_conformance.run import Run

        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.config = config
        self.folder = shared_folder(config)
        #: What became of the items: "passed", "undecided", or "tolerated" where that may be; failures that deviations
        #: cover are "accepted".
        self.seen: set[str] = set()
        spec = config.getoption("--acs-spec")
        named = config.getoption("--acs-profile")
        profile = load(named, Path()) if named else None
        accepted = config.getoption("--acs-deviations")
        options = Options(
            operations=tuple(config.getoption("--acs-operation")) or (profile.operations if profile else ()),
            target_url=config.getoption("--acs-target"),
            profile=profile,
            depth=config.getoption("--acs-depth") or (profile and profile.depth) or "standard",
            seed=config.getoption("--acs-seed"),
            signature=config.getoption("--acs-signature") or (profile and profile.signature) or "v3",
            run_id=config.getoption("--acs-run-id") or _run_id(self.folder),
            deviations=load_deviations(Path(accepted)) if accepted else (),
            limits=Limits(
                max_jobs=config.getoption("--acs-max-jobs"),
                max_surprises=config.getoption("--acs-max-surprises"),
                max_requests=config.getoption("--acs-max-requests"),
                max_seconds=config.getoption("--acs-max-seconds"),
            ),
            spec_root=Path(spec) if spec else None,
        )
        self.options = options
        self.run: Run = Run(options, started_at=worker["acs_started_at"] if worker else _started_at(config))
        #: Whether something that was created may still run at the end.
        self.leaves_something = False
        self._store: Store | None = None
        self._target: Target | None = None
        self._campaign: Any = None
        self._results: dict[str, Result] = {}
        self._seen = -1

    def verdict(self, requirement: Requirement) -> Judged:
        """Send what decides `requirement`, if it has not been sent, and judge it."""
        campaign, store = self._engine()
        self.run.ensure(campaign, store, requirement)
        if len(store.exchanges) != self._seen:
            outcome = self.run.outcome(self._reached(), store, is_complete=True)
            self._results = {result.requirement.id: result for result in outcome.results}
            self._findings = {name: found for found in outcome.report["findings"] for name in found["requirements"]}
            self._accepted = _accepted(outcome.report)
            self._seen = len(store.exchanges)
        mine = requirement.id
        return Judged(self, self._results[mine], self._findings.get(mine), self._accepted.get(mine, ""))

    def finish(self) -> None:
        """End what was created, and write the report where one was asked for."""
        if self._campaign is not None and self._store is not None:
            with self._store.lock:
                self._campaign.close()
        from acs_conformance.store import Store

        store = self._store or Store(self.folder)
        with store.lock:
            store.refresh()
            self._stop_jobs(store)
        wanted = self.config.getoption("--acs-report-dir")
        if wanted is None:
            store.close()
            return
        from acs_conformance import report

        outcome = self.run.outcome(self._reached(), store, is_complete=True)
        store.close()
        files = report.write_all(outcome.report, Path(wanted))
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"report: {files['report.html']}")

    def _stop_jobs(self, store: Store) -> None:
        """End what workers have created and not ended, such as one that was killed."""
        if self.options.is_embedded:
            return
        from acs_conformance.reach import recorder_for

        target = self._reached()
        guard = self._guard(target)
        recorder, sender = recorder_for(target, self.options.signature, guard)
        left = [ending for ending in self.run.stop_all(recorder, store) if ending.may_live]
        self.leaves_something = bool(left)
        sender.close()
        guard.close()
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if left and reporter is not None:
            for ending in left:
                reporter.write_line(ending.says)
            from acs_conformance.cli_cleanup import command

            reporter.write_line(f"something may still run: {command(self._intents_in())}")

    def _guard(self, target: Target) -> Guard:
        return self.run.guard(target, self.folder, self._intents_in())

    def _intents_in(self) -> Path:
        """Where intents are written down: beside the report, where a killed run's are looked for."""
        wanted = self.config.getoption("--acs-report-dir")
        return Path(wanted) if wanted is not None else self.folder

    def _engine(self) -> tuple[Any, Store]:
        if self._campaign is None or self._store is None:
            from acs_conformance.reach import recorder_for
            from acs_conformance.store import Store

            self._store = Store(self.folder)
            target = self._reached()
            recorder, _ = recorder_for(target, self.run.options.signature, self._guard(target))
            self._campaign = self.run.campaign(target, recorder, self._store)
        return self._campaign, self._store

    def _reached(self) -> Target:
        if self._target is None:
            from acs_conformance import target
            from acs_conformance.reach import given_target

            self._target = given_target(self.options)
        if self._target is None:
            from acs_conformance import shared_emulator

            address = shared_emulator.address(self.folder, self.options.spec_root)
            keys = target.EMULATOR_CREDENTIALS
            self._target = target.Target(url=address, kind="embedded emulator", credentials=keys)
        return self._target


class Judged:
    """One requirement's result, to be asserted on."""

    def __init__(self, session: Session, result: Result, finding: dict[str, Any] | None, accepted: str) -> None:
        self.result = result
        self._session = session
        self._finding = finding
        self._accepted = accepted

    def expect_pass(self) -> None:
        """Pass, or fail with what was received and allowed; skip with the reason where nothing was decided.

        A failure that deviations cover is an expected one (xfail).
        """
        __tracebackhide__ = True
        from acs_conformance.report.text import one_line
        from acs_conformance.verdict import Verdict

        result, reason = self.result, one_line(self.result.reason)
        if result.verdict is Verdict.PASS:
            self._session.seen.add("passed")
            return
        if result.verdict is Verdict.FAIL and self._accepted:
            self._session.seen.add("accepted")
            pytest.xfail(f"{self._accepted}; {reason}")
        if result.verdict is Verdict.FAIL:
            pytest.fail(_failure_text(result, self._finding), pytrace=False)
        if result.verdict is Verdict.ERROR:
            raise RuntimeError(reason)
        if result.counts:
            is_allowed = result.requirement.id in self._session.run.allowed
            self._session.seen.add("tolerated" if is_allowed else "undecided")
        else:
            self._session.seen.add("untested")
        pytest.skip(f"{result.verdict}: {reason}")


def _accepted(report: Mapping[str, Any]) -> dict[str, str]:
    """Requirement whose failures are covered -> until when, and why."""
    from acs_conformance.report import deviations

    return {
        requirement["id"]: "; ".join(map(deviations.in_words, deviations.of_requirement(report, requirement)))
        for requirement in report["requirements"]
        if requirement["is_covered"]
    }


def _failure_text(result: Result, finding: dict[str, Any] | None) -> str:
    from acs_conformance.report.text import one_line

    if finding is None:
        return one_line(f"{result.requirement.claim}: {result.reason}")
    rate = finding["rate"]
    lines = (
        finding["requirement"],
        f"  claim      {finding['claim']}",
        *(f"  statement  {statement['text']}" for statement in finding["statements"]),
        f"  source     {finding['source']}",
        f"  received   {finding['received']} ({rate['failed']} of {rate['tried']} tries)",
        f"  allowed    {finding['allowed']}",
        f"  request    {finding['curl']}",
        f"  again      {finding['again']}",
    )
    return "\n".join(map(one_line, lines))


# --- fixtures -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def campaign(request: pytest.FixtureRequest) -> Session:
    """The campaign against `--acs-target`; `campaign.verdict(requirement).expect_pass()`."""
    return _session(request.config)


# --- what processes share -------------------------------------------------------------------------------------------


def _session(config: pytest.Config) -> Session:
    if _STATE not in config.stash:
        try:
            config.stash[_STATE] = Session(config)
        except Exception as error:
            from acs_conformance.errors import AcsConformanceError

            if isinstance(error, AcsConformanceError):
                raise pytest.UsageError(str(error)) from error
            raise
    return config.stash[_STATE]


def shared_folder(config: pytest.Config) -> Path:
    """The folder of the journal that all processes of this pytest run share."""
    folder = _folder(config)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _folder(config: pytest.Config) -> Path:
    """The same as a name: xdist tells it to every worker of every session, and most have no use for it."""
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = Path(tempfile.gettempdir()) / f"acs-conformance-{secrets.token_hex(8)}"
    return config.stash[_FOLDER]


def _started_at(config: pytest.Config) -> float:
    """One start for all processes, so that all render the same requests."""
    return config.stash.setdefault(_STARTED, time.time())


def _run_id(folder: Path) -> str:
    """The folder's random name makes a run id that all processes agree on."""
    import hashlib

    return hashlib.sha256(folder.name.encode()).hexdigest()[:6]


def _note_seen(config: pytest.Config) -> None:
    """Tell the controller of xdist what became of this worker's items."""
    worker = config.workerinput["workerid"]  # type: ignore[attr-defined]
    for word in _seen(config):
        (shared_folder(config) / f"{word}-{worker}").touch()


def _seen(config: pytest.Config) -> set[str]:
    return config.stash[_STATE].seen if _STATE in config.stash else set()
