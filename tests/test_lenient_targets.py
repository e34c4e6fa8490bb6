"""Targets that take what a page leaves open in another way than the emulator: no reading of theirs is an alarm."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest

from acs_conformance import lifecycle, spec_folder
from acs_conformance.bench import Anybody
from acs_conformance.campaign import Campaign
from acs_conformance.campaign_judge import judge_campaign
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.exchange import Recorder, Reply
from acs_conformance.message import RawRequest, RawResponse
from in_process import CONTEXT, NOW, planned

DESCRIPTIONS = spec_folder.load_all()
START = DESCRIPTIONS["StartRtcCloudTranscode"]


def form_and_query(request):
    """One set of parameters, from the query and from the body."""
    form = parse_qsl(request.body.decode("latin-1"), keep_blank_values=True) if b"=" in request.body else []
    path, _, query = request.target.partition("?")
    joined = "&".join(part for part in (query, urlencode(form)) if part)
    return RawRequest(request.method, f"{path}?{joined}", request.headers)


def last_wins(request):
    """Of a parameter that comes twice the last one counts; of all others, what was sent, byte for byte."""
    path, _, query = request.target.partition("?")
    parts = {part.partition("=")[0]: part for part in query.split("&")}
    return RawRequest(request.method, f"{path}?{'&'.join(parts.values())}", request.headers, request.body)


class Lenient:
    """An emulator that gets requests as something else has read them."""

    def __init__(self, emulator, reads):
        self.emulator, self.reads = emulator, reads

    def send(self, request):
        return Reply(self.emulator.handle(self.reads(request)))


class Remembers:
    """Answers an equal request for a thing with the thing that is there."""

    def __init__(self, emulator):
        self.emulator, self.known = emulator, {}

    def send(self, request):
        answer = self.known.get(request)
        if answer is None:
            answer = self.known[request] = self.emulator.handle(request)
        elif b'"RequestId"' in answer.body:
            name = answer.body.partition(b'"RequestId":"')[2][:8]
            answer = RawResponse(answer.status, answer.headers, answer.body.replace(name, name[::-1], 1))
        return Reply(answer)


def failures(sender_of):
    emulator = Emulator(
        lifecycle.called(DESCRIPTIONS.values()), settings=Settings(authenticate=False), clock=lambda: float(NOW)
    )
    recorder = Recorder(sender_of(emulator), Anybody(), clock=lambda: float(NOW))
    campaign = Campaign([planned(START)], recorder, CONTEXT, beside=DESCRIPTIONS.values(), sleep=lambda _seconds: None)
    campaign.run()
    judged = judge_campaign(campaign.descriptions, campaign.cases, campaign.journal.exchanges)
    ended = sum(exchange.operation.startswith("Stop") for exchange in campaign.journal.exchanges)
    assert ended > 10
    return [(seen.requirement, seen.received) for seen in judged.observations if seen.outcome == "fail"]


@pytest.mark.parametrize("reads", [form_and_query, last_wins])
def test_whose_a_thing_is_that_was_created_by_a_request_with_two_readings_is_open(reads):
    assert failures(lambda emulator: Lenient(emulator, reads)) == []


def test_an_equal_request_may_be_answered_with_the_thing_that_is_there():
    assert failures(Remembers) == []
