"""Faults in the lives of things: each of them differs from a right server in what a client sees of a few calls."""

from __future__ import annotations

import functools
import json
from urllib.parse import urlencode

import pytest

from acs_conformance import spec_folder
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.policy import Policy
from acs_conformance.faults import catalogue
from acs_conformance.faults.finding import finding
from acs_conformance.faults.living import living
from acs_conformance.faults.repeating import repeating
from acs_conformance.message import RawRequest
from acs_conformance.requirement import derive

DESCRIPTIONS = spec_folder.load_all()
START, DESCRIBE, STOP = (f"{verb}RtcCloudTranscode" for verb in ("Start", "Describe", "Stop"))
FAULTS = [
    fault
    for name in (DESCRIBE, STOP)
    for family in (finding, living, repeating)
    for fault in family(DESCRIPTIONS[name])
]


class Client:
    """Calls an emulator and keeps what it sees, but for the ids of requests."""

    def __init__(self, fault=None, choices=None):
        self.now_s = 1_900_000_000.0
        self.emulator = Emulator(
            DESCRIPTIONS,
            settings=Settings(authenticate=False, id_seed="0123456789abcdef01"),
            policy=Policy(choices=choices or {}),
            fault=fault,
            clock=lambda: self.now_s,
        )
        self.seen = []

    def call(self, action, **values):
        query = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        headers = (("host", "live.example"), ("x-acs-action", action), ("x-acs-version", "2016-11-01"))
        answer = self.emulator.handle(RawRequest("POST", f"/?{urlencode(query)}", headers))
        body = json.loads(answer.body)
        self.seen.append((answer.status, {name: value for name, value in body.items() if name != "RequestId"}))
        return body

    def start(self, channel, outputs, user="in", **more):
        given = {"AppId": "App-1", "ChannelId": channel, "InputParam": {"SingleSubUserParam": {"UserId": user}}} | more
        given["OutputParams"] = [
            {"ChannelId": channel, "UserId": name, "UserToken": "token", "TranscodeTemplate": template}
            for name, template in outputs
        ]
        return self.call(START, **given).get("TaskId", "none")

    def describe(self, task, app="App-1"):
        return self.call(DESCRIBE, AppId=app, TaskId=task)

    def stop(self, task, app="App-1"):
        return self.call(STOP, AppId=app, TaskId=task)


def play(fault=None, needs=None):
    """What a client sees of a handful of lives, a clock that is moved between its calls."""
    client = Client(fault, needs)
    outputs = [("B-out_1", "lhd"), ("a", "alimcopy"), ("D" * 64, "lud")]
    sub = {"SingleSubUserParam": {"UserId": "In-put_1", "StreamType": 0}}
    first = client.start("Chan_nel-1", outputs, InputParam=sub, MaxIdleTime="10")
    for _ in range(3):
        client.describe(first)
    # Others, different in all that can be; each is looked at, and so is the first again.
    second = client.start("y" * 64, [("out-2", "lld")], "x" * 64)
    third = client.start("Chan_nel-3", [("out-3", "lsd")], MaxIdleTime="600")
    far = client.start("Chan_nel-1", [("far", "lld")], AppId="Z_" * 32, MaxIdleTime="60")
    odd = client.start("Chan_nel-4", [("odd", "lld")], " \u7528 ")
    odder = client.start("Chan_nel-4", [(" \u7528 ", "lld")])
    for task in (first, second, third, odd, odder):
        client.describe(task)
    client.describe(far, "Z_" * 32)
    refused(client, first)
    client.now_s += 9
    for task in (first, second, third):
        client.describe(task)
    client.now_s += 2
    for task in (first, second, third, first):
        client.describe(task)
    stopped(client, second, third)
    plain = client.start("Chan_nel-1", [("plain", "lld")])
    client.now_s += 301
    for task in (second, third, plain):
        client.describe(task)
    return client.seen


def refused(client, task):
    """Calls that are refused, and change nothing."""
    for action in (DESCRIBE, STOP):
        for app, named in (("app-1", task), ("App", task), ("App-12", task), ("Other", task)):
            client.call(action, AppId=app, TaskId=named)
        for named in ("nothing", task[:-1], task + "0", task.upper(), "-", "a b"):
            client.call(action, AppId="App-1", TaskId=named)
        client.call(action, TaskId=task)
        client.call(action, AppId="App-1")
    client.call(START, AppId="App-1")
    client.describe(task)


def stopped(client, second, third):
    """One is stopped while it starts, others later, between others; what has ended is stopped again."""
    young = client.start("Chan_nel-5", [("young", "lld")], MaxIdleTime="600")
    client.stop(young)
    client.now_s += 30
    for task in (young, young, young, second, third):
        client.describe(task)
    client.stop(second)
    client.now_s += 30
    for task in (second, third, second, second):
        client.describe(task)
    for _ in range(2):
        client.stop(second)
        client.describe(second)
    alike = [client.start("Chan_nel-6", [(name, "lld")], MaxIdleTime="600") for name in ("one", "two", "three")]
    for task in (third, *alike):
        client.describe(task)
    client.stop(alike[1])
    client.now_s += 40
    for task in (third, *alike):
        client.describe(task)


@functools.cache
def of_a_right_server(choices):
    return play(needs=dict(choices))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_each_fault_shows(fault):
    """Those of the catalogue that no call could tell from a right server would be survivors whatever a plan does."""
    assert play(fault, dict(fault.needs)) != of_a_right_server(tuple(sorted(fault.needs.items())))


def test_a_server_without_a_fault_is_the_same_each_time():
    assert play() == play(Fault())


@pytest.mark.parametrize("operation", [DESCRIBE, STOP])
def test_the_catalogue_names_faults_once_and_after_requirements(operation):
    description = DESCRIPTIONS[operation]
    ids = [fault.id for fault in catalogue(description)]
    assert len(ids) == len(set(ids))
    known = {requirement.id for requirement in derive(description)}
    assert {identifier.partition("!")[0] for identifier in ids} <= known
    lives = {requirement.id for requirement in derive(description) if requirement.kind == "lifecycle"}
    assert lives <= {identifier.partition("!")[0] for identifier in ids}


@pytest.mark.parametrize("operation", [DESCRIBE, STOP])
def test_no_fault_is_made_that_the_contract_excuses(operation):
    """A malformed name of a thing may be told to name nothing, and what an id looks like is the server's own choice."""
    description = DESCRIPTIONS[operation]
    made = {(key, operator) for key, operator in (fault.id.split("!", 1) for fault in catalogue(description))}
    for name in ("AppId", "TaskId"):
        for keyword in ("pattern", "minLength", "maxLength"):
            operators = {each for key, each in made if key == f"{operation}.{name}.{keyword}"}
            assert not operators & {"ignore", "off-by-one", "wrap", "line-end"}
            assert "answer#NotFound" not in operators
        operators = {each for key, each in made if key == f"{operation}.{name}.required"}
        assert {"ignore", "answer#NotFound", "answer#Forbidden"} <= operators
    assert not any(each.startswith("refuse-") for key, each in made if key.startswith(f"{operation}.TaskId"))


def test_a_fault_of_one_operation_leaves_the_others_alone():
    fault = next(each for each in catalogue(DESCRIPTIONS[STOP]) if each.id.endswith("response.status!status#201"))
    client = Client(fault)
    task = client.start("channel", [("out", "lld")])
    client.describe(task)
    client.stop(task)
    assert [status for status, _ in client.seen] == [200, 200, 201]
