"""The suite of the gateway: what it asks, what it finds, and when it has nothing to say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import servers
from acs_conformance import requirement, spec_folder
from acs_conformance.bench import Bench
from acs_conformance.bench import servers as faultless
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import judge_campaign
from acs_conformance.cases import plan
from acs_conformance.cases.render import render
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault, Refusal
from acs_conformance.emulator.gateway import AccessKeys
from acs_conformance.emulator.limits import Quota
from acs_conformance.emulator.policy import Policy
from acs_conformance.emulator.server import running
from acs_conformance.exchange import Recorder, Reply, signatures
from acs_conformance.faults import catalogue
from acs_conformance.gateway_checks import Signing
from acs_conformance.message import RawRequest, header
from acs_conformance.signer import Signer
from acs_conformance.signing import Credentials
from acs_conformance.verdict import ExitCode, Verdict, exit_code, verdicts
from in_process import CONTEXT, NOW, InProcess

GATEWAY = spec_folder.load("gateway")
CHECKS = GATEWAY.checks
assert CHECKS is not None
CARRIER = GATEWAY.carrier
assert CARRIER is not None
PLAN = plan(GATEWAY)
KEYS = Credentials(
    access_key_id="someone", access_key_secret="theirSecret", security_token="their+Token/of+Many=Characters=="
)
REFUSED = [case for case in PLAN.cases if CHECKS.by_key[case.requirement.partition(".")[2]].expects == "refused"]
#: Not those that name an operation that isn't there: nothing can let them through.
REACHING = [case for case in REFUSED if ".action." not in case.id and not case.id.endswith("#x-acs-action")]


def signer(keys=KEYS, scheme="v3"):
    return Signer(keys, "localhost", scheme=scheme, clock=lambda: datetime.fromtimestamp(NOW, UTC))


def settings(keys=KEYS, **more):
    tokens = {keys.access_key_id: keys.security_token} if keys.security_token else {}
    return Settings(access_keys=AccessKeys(secrets={keys.access_key_id: keys.access_key_secret}, tokens=tokens), **more)


def emulator(*, fault=None, policy=None, **options):
    options = {"settings": settings(), **options}
    return Emulator({CARRIER.operation: CARRIER}, fault=fault, policy=policy, clock=lambda: float(NOW), **options)


class Ran:
    """The gateway's plan, or another, run in process."""

    def __init__(self, target, keys=KEYS, tested=PLAN):
        recorder = Recorder(InProcess(target), signer(keys), clock=lambda: float(NOW))
        self.campaign = Campaign([tested], recorder, CONTEXT, sleep=lambda _seconds: None)
        self.campaign.run()
        self.exchanges = self.campaign.journal.exchanges
        self.judged = judge_campaign(self.campaign.descriptions, self.campaign.cases, self.exchanges)
        found = verdicts(requirement.derive(tested.description), tested.aspects, self.judged)
        self.verdicts = {result.requirement.key: result.verdict for result in found}
        self.failed = {key for key, verdict in self.verdicts.items() if verdict is Verdict.FAIL}
        self.code = exit_code(found)
        self.readings = {record.question.partition(".")[2]: record.reading for record in self.judged.readings}


# --- the checks -------------------------------------------------------------------------------------------------------


def test_the_statements_claim_every_requirement_and_question_they_name():
    requirement.check_statements(GATEWAY)


def test_a_faultless_gateway_conforms_and_every_check_has_a_verdict():
    ran = Ran(emulator())
    assert ran.code is ExitCode.CONFORMS
    undecided = {key for key, verdict in ran.verdicts.items() if verdict is not Verdict.PASS}
    assert undecided == {"v3.throttling.answered"}  # opt-in
    assert set(ran.readings.values()) - {"mixed"} >= {"passes", "refused", "mismatch"}


def test_it_costs_few_requests_and_two_jobs():
    ran = Ran(emulator())
    assert len(ran.exchanges) <= 150
    assert sum(judgement.is_accepted for judgement in ran.judged.judgements.values()) == 2


def test_a_quick_plan_asks_each_check_once():
    asked = Counter(case.requirement for case in plan(GATEWAY, "quick").cases)
    assert set(asked.values()) == {1}
    assert asked.keys() == {GATEWAY.id(key) for key, check in CHECKS.by_key.items() if check.variations}


class LetsThrough(Fault):
    """A gateway that refuses nothing but an operation that isn't there."""

    def refusal(self, envelope, refused, memory):  # noqa: ARG002
        return None


@pytest.mark.parametrize("case", REACHING, ids=lambda case: case.id)
def test_each_case_alone_shows_that_it_is_let_through(case):
    demanding = replace(GATEWAY, checks=replace(CHECKS, are_demanded=True))
    alone = replace(PLAN, description=demanding, cases=(case,))
    ran = Ran(emulator(fault=LetsThrough(), policy=Policy(choices={"wire.method": "taken"})), tested=alone)
    wanted = case.requirement.partition(".")[2]
    assert wanted in ran.failed


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_each_case_is_wrong_in_nothing_but_its_signature(case):
    """The request as it would be without the deviation passes, so nothing else explains a refusal."""
    plain = tuple(Signing(scheme=how.scheme, is_form=how.is_form) for how in case.signing)
    target, sign = emulator(), signer()
    for step, how in enumerate(plain):
        request = render(GATEWAY, case, step, CONTEXT)
        response = target.handle(sign.sign(GATEWAY, request, how, step))
        assert b"SignatureDoesNotMatch" not in response.body
        assert response.status in (200, 400)
        assert b"Missing" in response.body or how.is_form is False


# --- the proof --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bench():
    return Bench(PLAN, is_full=False)


@pytest.mark.parametrize("fault", catalogue(GATEWAY)[::3], ids=lambda fault: fault.id)
def test_the_plan_finds_the_fault(bench, fault):
    assert bench.fault(fault).is_caught


@pytest.mark.parametrize("number", range(len(faultless(GATEWAY))))
def test_a_faultless_gateway_raises_no_alarm_whatever_it_answers(bench, number):
    trial = bench.variant(number)
    assert trial.caught_by == ()
    assert trial.code == ExitCode.CONFORMS


def test_each_fault_is_named_after_a_requirement_and_once():
    known = {each.id for each in requirement.derive(GATEWAY)}
    names = [fault.id for fault in catalogue(GATEWAY)]
    assert {name.partition("!")[0] for name in names} <= known
    assert len(set(names)) == len(names) > 150


# --- targets without a gateway, or with half of one -------------------------------------------------------------------


def test_a_target_that_lets_everybody_in_is_taken_for_a_stand_in():
    ran = Ran(emulator(settings=Settings(authenticate=False)))
    assert ran.failed == set()
    assert set(ran.verdicts.values()) <= {Verdict.NONE, Verdict.PASS}
    assert len(ran.exchanges) < 8


def test_a_stand_in_fails_where_a_gateway_is_demanded():
    demanding = replace(GATEWAY, checks=replace(CHECKS, are_demanded=True))
    ran = Ran(emulator(settings=Settings(authenticate=False)), tested=plan(demanding))
    assert {"v3.signature.secret", "v3.accessKey.known", "v3.nonce.unique", "v1.signature.value"} <= ran.failed


def test_a_gateway_that_only_forgets_to_compare_the_signature_is_no_stand_in():
    class Blind(Fault):
        def refusal(self, envelope, refused, memory):  # noqa: ARG002
            return None if refused is not None and refused.check.endswith(".signature") else refused

    assert "v3.signature.secret" in Ran(emulator(fault=Blind())).failed


def test_a_target_that_does_not_know_the_older_scheme_is_not_asked_about_it():
    ran = Ran(emulator(policy=Policy(choices={"gateway.v1": "refused"})))
    assert ran.code is ExitCode.CONFORMS
    assert ran.readings["v1.signature.accepted"] == "refused"
    assert {verdict for key, verdict in ran.verdicts.items() if key.startswith("v1.")} == {Verdict.NONE}
    assert sum(".v1." in exchange.case for exchange in ran.exchanges) == 1


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"access_key_secret": "anotherSecret"}, "SignatureDoesNotMatch", "the secret is not that of the access key"),
        ({"access_key_id": "nobody"}, "InvalidAccessKeyId.NotFound", "does not know the access key"),
        ({"security_token": "another"}, "InvalidSecurityToken", "the security token has expired"),
    ],
    ids=["secret", "access key", "token"],
)
def test_credentials_that_are_wrong_are_no_failure_of_the_gateway(changes, code, says):
    ran = Ran(emulator(), replace(KEYS, **changes))
    assert ran.failed == set()
    assert ran.code is ExitCode.INCONCLUSIVE
    assert code in ran.campaign.stopped
    assert says in ran.campaign.stopped
    assert set(ran.readings.values()) == {"not observed"}
    assert len(ran.exchanges) == 2


def test_a_gateway_that_takes_one_scheme_only_fails_for_the_other_whatever_it_says():
    class NoHeaders(Fault):
        def refusal(self, envelope, refused, memory):  # noqa: ARG002
            return refused or (wrong_signature if envelope.scheme == "v3" else None)

    wrong_signature = Refusal(status=400, code="SignatureDoesNotMatch", message="x")
    ran = Ran(emulator(fault=NoHeaders()))
    assert "v3.signature.accepted" in ran.failed
    assert ran.campaign.stopped == ""


def test_without_a_token_its_check_is_not_asked():
    keys = Credentials(access_key_id="someone", access_key_secret="theirSecret")
    ran = Ran(emulator(settings=settings(keys)), keys)
    assert ran.code is ExitCode.CONFORMS
    assert ran.verdicts["v3.token.right"] is Verdict.NONE


# --- over HTTP, from the command line ---------------------------------------------------------------------------------


def test_run_without_names_leaves_a_stand_in_alone_and_with_the_name_demands_a_gateway(tmp_path):
    with running(Emulator({CARRIER.operation: CARRIER}, settings=Settings(authenticate=False))) as url:
        quiet = servers.run_against(url, tmp_path / "quiet", chosen=()).without_traceback()
        asked = servers.run_against(url, tmp_path / "asked", chosen=("gateway",)).without_traceback()
    assert quiet.code == 0, quiet.out + quiet.err
    assert "stand-in" in quiet.out
    assert asked.code == 1, asked.out + asked.err


@pytest.mark.parametrize("scheme", ["v3", "v1"])
def test_a_whole_run_by_either_scheme_conforms(tmp_path, scheme):
    with servers.emulates() as server:
        ended = servers.run_against(server.url, tmp_path, "--signature", scheme, chosen=()).without_traceback()
    assert ended.code == 0, ended.out + ended.err
    signed = [request for request in server.requests if header(request.headers, "authorization")]
    assert (len(signed) > 150) == (scheme == "v3")


# --- throttling -------------------------------------------------------------------------------------------------------


QUOTA = Quota(rate=1.0, burst=200)


def burst(fault=None, quota=QUOTA, count=300):
    case = plan(GATEWAY, burst=count).cases[-1]
    target = emulator(fault=fault, settings=settings(quota=quota))
    return Ran(target, tested=replace(PLAN, cases=(case,)))


def test_a_quota_that_is_exceeded_is_answered_as_documented_and_no_further_request_is_sent():
    ran = burst()
    assert ran.verdicts["v3.throttling.answered"] is Verdict.PASS
    assert len(ran.exchanges) == 201
    assert not any(judgement.is_accepted for judgement in ran.judged.judgements.values())


def test_a_quota_that_is_not_exceeded_leaves_the_check_undecided():
    ran = burst(quota=None, count=50)
    assert ran.verdicts["v3.throttling.answered"] is Verdict.INCONCLUSIVE


def test_a_wrong_status_of_throttling_is_found():
    class TooMany(Fault):
        def refusal(self, envelope, refused, memory):  # noqa: ARG002
            return refused and replace(refused, status=429)

    assert burst(fault=TooMany()).failed == {"v3.throttling.answered"}


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_no_signature_or_token_is_recorded_whatever_the_gateway_repeats():
    sent = []

    class Listening(InProcess):
        def send(self, request: RawRequest) -> Reply:
            sent.append(request)
            return super().send(request)

    recorder = Recorder(Listening(emulator()), signer(), hidden=(KEYS.access_key_secret, KEYS.security_token or ""))
    campaign = Campaign([PLAN], recorder, CONTEXT, sleep=lambda _seconds: None)
    campaign.run()
    written = "\n".join(str(exchange.to_json()) for exchange in campaign.journal.exchanges)
    right = {text for request in sent for text in signatures(request) if len(text) > 20}
    assert len(right) > 100
    assert not [text for text in (*right, "theirSecret", "Token/of", "Token%2Fof", "Token%252Fof") if text in written]
