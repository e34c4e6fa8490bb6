"""The same seed, depth and run id give the same requests and verdicts, whatever the entry point and its workers."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, unquote, urlsplit

import servers
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.server import running
from acs_conformance.message import RawResponse

SEED, DEPTH = "5", "standard"
PREFIX = "StartRtcCloudTranscode."

# A token in a JSON text, each of its characters perhaps written as an escape.
_CHARACTER = r"(?:[A-Za-z0-9+/=]|\\u00[0-9A-Fa-f]{2})"
_TOKEN = re.compile(rf"(?:e|\\u0065)(?:y|\\u0079)(?:J|\\u004[Aa]){_CHARACTER}{{20,}}")


#: Ids that a server makes up, also with a few letters changed, in any case; and cases that create or end things.
_CREATED = re.compile(r"[0-9a-z]{8}-[0-9a-z]{4}-4[0-9a-z]{3}-[0-9a-z]{4}-[0-9a-z]{11,14}", re.IGNORECASE)
_OF_KEEPERS = re.compile("#(to-act-on|end-of|late-end-of)-")

_SIGNED = re.compile(r"&(SignatureNonce|Timestamp|Signature)=[^&]*")


def business(request):
    """What a request says, tokens and signatures apart, which tell the time; decoded so far that these are found."""
    texts = (urlsplit(request.target).query, request.body.decode("latin-1"))
    return request.method, *(_TOKEN.sub("TOKEN", unquote(_SIGNED.sub("", text), encoding="latin-1")) for text in texts)


def from_the_command_line(url, folder, run_id, depth=DEPTH, seed=SEED):
    return servers.run_against(url, folder, "--seed", seed, "--run-id", run_id, depth=depth, chosen=())


def from_pytest(url, folder, run_id, depth=DEPTH, seed=SEED, more=()):
    chosen = ("--acs-depth", depth, "--acs-seed", seed, "--acs-run-id", run_id)
    return servers.pytest_suites(folder, "--acs-target", url, *chosen, f"--junitxml={folder}/pytest.xml", *more)


def from_pytest_workers(url, folder, run_id, depth=DEPTH, seed=SEED):
    return from_pytest(url, folder, run_id, depth, seed, more=("-n", "2"))


ENTRIES = {"command": from_the_command_line, "pytest": from_pytest, "pytest -n 2": from_pytest_workers}


def everywhere(root, serve, **options):
    """A run from each entry point against a server of its own: entry -> how it ended, requests."""

    def one(name):
        with serve() as server:
            ended = ENTRIES[name](server.url, root / name.replace(" ", ""), "same", **options)
        return ended, server.requests

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(ENTRIES, pool.map(one, ENTRIES), strict=True))


# --- requests ---------------------------------------------------------------------------------------------------------


def test_same_requests_and_verdicts_from_every_entry_point(tmp_path):
    runs = everywhere(tmp_path, servers.emulates)
    for ended, requests in runs.values():
        assert ended.code == 0, ended.out + ended.err
        assert len(requests) > 500
    expected = planned(*runs["command"])
    assert expected.total() > 500
    for name in ("pytest", "pytest -n 2"):
        sent = planned(*runs[name])
        assert list((sent - expected).items())[:3] == [], name
        assert list((expected - sent).items())[:3] == [], name
    reference = runs["command"][0]
    for name in ("pytest", "pytest -n 2"):
        assert (runs[name][0].folder / "report.json").exists(), f"{name} wrote no report, though one was asked for"
        assert runs[name][0].verdicts == reference.verdicts
        assert by_case(runs[name][0]) == by_case(reference)


def planned(ended, requests):
    """What was sent, but for what names something created or creates it to be acted on: each process has its own."""
    setups = {
        name
        for exchange in ended.report["exchanges"]
        if _OF_KEEPERS.search(exchange["case"])
        for name in re.findall(r"-same-[0-9a-f]{10}", exchange["request"]["target"])
    }
    said = [business(request) for request in requests]
    return Counter(
        each for each in said if not _CREATED.search("".join(each)) and not any(name in each[1] for name in setups)
    )


def by_case(ended):
    """Case, step, attempt -> the recorded request, whatever was created for it to act on."""
    return {
        (e["case"], e["step"], e["attempt"]): {
            **e["request"],
            "target": _CREATED.sub("CREATED", e["request"]["target"]),
            "body": _CREATED.sub("CREATED", str(e["request"]["body"])),
        }
        for e in ended.report["exchanges"]
        if not _OF_KEEPERS.search(e["case"])
    }


def test_seed_decides_what_is_drawn(tmp_path):
    """Else the tests above could not fail."""
    targets = []
    for seed in ("5", "6"):
        ended = servers.acs("run", "--dry-run", "--seed", seed, "--run-id", "same", folder=tmp_path / seed)
        targets.append(set(ended.out.splitlines()))
    assert 10 < len(targets[0] - targets[1]) < len(targets[0]) / 2


def test_run_id_appears_in_the_requests_and_is_new_each_time(tmp_path):
    names = []
    for number in range(2):
        ended = servers.run_against(None, tmp_path / str(number), "--only", PREFIX + "AppId.required")
        names.append(ended.report["run"]["id"])
        opening = ended.report["exchanges"][0]["request"]["target"]
        assert f"out-{names[-1]}-" in opening
    assert names[0] != names[1]


# --- run ids ----------------------------------------------------------------------------------------------------------


def taken(requests):
    """The (application, channel, user) of each output in requests, and whether all of the request's text is valid."""
    for request in requests:
        query = dict(parse_qsl(urlsplit(request.target).query, keep_blank_values=True))
        try:
            outputs = json.loads(query["OutputParams"])
            yield from {(query["AppId"], item["ChannelId"], item["UserId"]) for item in outputs}
        except (KeyError, TypeError, ValueError):
            continue


def test_two_runs_never_take_the_same_names(tmp_path):
    """What an accepted request names in the run's own channel is its own; values under test are in channels apart."""
    seen = []
    for run_id in ("one", "two"):
        accepted = []

        def keep(request, _number, ask, accepted=accepted):
            response = ask()
            if response.status == 200:
                accepted.append(request)
            return response

        with servers.emulates(keep) as server:
            ended = from_the_command_line(server.url, tmp_path / run_id, run_id, depth="quick")
        assert ended.code == 0
        own = next(taken(server.requests))[:2]
        seen.append({name for name in taken(accepted) if name[:2] == own})
    assert len(seen[0]) == len(seen[1]) > 2
    assert not seen[0] & seen[1]


# --- verdicts ---------------------------------------------------------------------------------------------------------


class Careless(Fault):
    """Forgets a pattern, lets the last item go unread, and sends messages without their period."""

    id = "careless"

    def breaches(self, call, found, memory):  # noqa: ARG002 - the hook's own signature
        return [
            b
            for b in found
            if (b.path, b.keyword) != ("ChannelId", "pattern") and b.path != "OutputParams[].TranscodeTemplate"
        ]

    def answer(self, call, found, response, memory):  # noqa: ARG002
        if call.operation_number % 2:
            return response
        return RawResponse(response.status, response.headers, response.body.replace(b'."', b'"'))


BROKEN = {
    PREFIX + "ChannelId.pattern",
    PREFIX + "OutputParams[].TranscodeTemplate.required",
    PREFIX + "OutputParams[].TranscodeTemplate.type",
    PREFIX + "OutputParams[].TranscodeTemplate.enum",
    PREFIX + "error.Message.pattern",
    "DescribeRtcCloudTranscode.error.Message.pattern",
    "StopRtcCloudTranscode.error.Message.pattern",
}


class _Running:
    """`running` with the face of a `Server`."""

    def __init__(self):
        self._context = running(servers.core_of(Careless()))
        self.requests = ()

    def __enter__(self):
        self.url = self._context.__enter__()
        return self

    def __exit__(self, *error):
        return self._context.__exit__(*error)


def test_pytest_fails_exactly_the_requirements_that_the_command_fails(tmp_path):
    runs = {name: ended for name, (ended, _) in everywhere(tmp_path, _Running, depth="quick").items()}
    assert {name: ended.code for name, ended in runs.items()} == dict.fromkeys(ENTRIES, 1)
    command = runs.pop("command")
    assert command.failed == BROKEN
    for name, ended in runs.items():
        outcome = outcomes(ended.folder / "pytest.xml")
        assert outcome.keys() == command.verdicts.keys()
        assert {id_ for id_, what in outcome.items() if what not in ("passed", "skipped")} == BROKEN, name
        assert {id_ for id_, what in outcome.items() if what == "passed"} == {
            id_ for id_, verdict in command.verdicts.items() if verdict == "pass"
        }
        for requirement in BROKEN:
            assert re.search(rf"^FAILED .*\[{re.escape(requirement)}\]", ended.out, re.MULTILINE), requirement
        # Where CI is set, pytest repeats the texts in its summary.
        assert ended.out.count("  again      acs-conformance run --target http://127.0.0.1:") >= len(BROKEN)
        assert "Traceback" not in ended.out
    for name, ended in runs.items():
        assert (ended.folder / "report.json").exists(), f"{name} wrote no report, though one was asked for"
        assert ended.verdicts == command.verdicts


def outcomes(file):
    """Requirement id -> what became of its item, as pytest's own report has it."""
    found = {}
    for test in ET.parse(file).getroot().iter("testcase"):  # noqa: S314 - our own file
        what = [child.tag for child in test if child.tag in ("failure", "error", "skipped")]
        found[test.get("name").partition("[")[2].removesuffix("]")] = what[0] if what else "passed"
    return found
