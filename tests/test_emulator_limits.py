"""A quota lets through what it promises, tells when to come again, and is each AccessKey's own."""

from __future__ import annotations

import pytest

from acs_conformance.emulator.limits import Buckets, Nonces, Quota
from acs_conformance.errors import UsageError
from acs_conformance.message import header
from emulator_calls import body, outcome
from gateway_calls import NOW_S, TEMPORARY, WRONG, Clock, gateway, v1_signed, v3_signed

THROTTLED = (400, "Throttling.User")


@pytest.mark.parametrize(
    ("text", "rate", "burst"),
    [("50", 50, 50), ("50:100", 50, 100), ("0.5", 0.5, 1), ("0.5:3", 0.5, 3), ("2.5", 2.5, 3), ("1:1", 1, 1)],
)
def test_quota_is_written_as_rate_and_burst(text, rate, burst):
    assert Quota.parse(text) == Quota(rate=rate, burst=burst)


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "5:0", "-1", "1e3", "nan", "inf", "5:", ":5", "5:1.5", " 5", "5/s", "٣"]
)
def test_what_is_no_quota_is_refused_with_its_form(text):
    with pytest.raises(UsageError, match=r"is no quota\. Give requests per second") as caught:
        Quota.parse(text)
    assert repr(text) in str(caught.value)


def test_bucket_is_full_at_first_and_fills_with_time():
    buckets = Buckets(Quota(rate=2, burst=3))
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("a", 100.25) == pytest.approx(0.25)
    assert buckets.take("a", 100.5) == 0
    assert buckets.take("a", 100.5) == pytest.approx(0.5)
    assert [buckets.take("a", 1000.0) for _ in range(4)] == [0, 0, 0, 0.5]


@pytest.mark.parametrize("rate", [0.3, 3, 7, 10, 1000])
def test_waiting_as_long_as_told_is_enough(rate):
    """Also where the sum of the times is a bit less than it should be."""
    buckets = Buckets(Quota(rate=rate, burst=1))
    now_s = NOW_S
    assert buckets.take("a", now_s) == 0
    for _ in range(1000):
        wait_s = buckets.take("a", now_s)
        assert wait_s > 0
        now_s += wait_s
        assert buckets.take("a", now_s) == 0


def test_request_that_is_refused_costs_nothing():
    buckets = Buckets(Quota(rate=1, burst=1))
    assert buckets.take("a", 0.0) == 0
    assert all(buckets.take("a", second / 100) for second in range(99))
    assert buckets.take("a", 1.0) == 0


def test_clock_that_goes_backwards_neither_gives_nor_takes():
    buckets = Buckets(Quota(rate=1, burst=2))
    assert [buckets.take("a", now_s) for now_s in (10.0, 5.0)] == [0, 0]
    assert buckets.take("a", 5.0) == 1.0
    assert buckets.take("a", 6.0) == 0


@pytest.mark.parametrize("sign", [v3_signed, v1_signed])
def test_quota_throttles_and_says_when_to_come_again(sign):
    clock = Clock()
    play = gateway(clock, quota=Quota(rate=4, burst=2))
    answers = [play.handle(sign()) for _ in range(3)]
    assert [outcome(answer) for answer in answers] == [200, 200, THROTTLED]
    assert body(answers[2])["Message"] == "Request was denied due to user flow control."
    assert header(answers[2].headers, "x-acs-retry-after") == "250"
    assert header(answers[1].headers, "x-acs-retry-after") is None
    clock.now_s += 0.25
    assert [outcome(play.handle(sign())) for _ in range(2)] == [200, THROTTLED]


def test_time_to_wait_is_rounded_up_to_whole_milliseconds():
    play = gateway(quota=Quota(rate=3, burst=1))
    play.handle(v3_signed())
    assert header(play.handle(v3_signed()).headers, "x-acs-retry-after") == "334"
    play = gateway(quota=Quota(rate=100_000, burst=1))
    play.handle(v3_signed())
    assert header(play.handle(v3_signed()).headers, "x-acs-retry-after") == "1"


def test_each_access_key_has_a_quota_of_its_own_over_both_schemes():
    play = gateway(quota=Quota(rate=1, burst=1))
    assert outcome(play.handle(v3_signed())) == 200
    assert outcome(play.handle(v1_signed())) == THROTTLED
    assert outcome(play.handle(v1_signed(TEMPORARY))) == 200


def test_request_that_proves_nobody_costs_nobody_anything():
    play = gateway(quota=Quota(rate=1, burst=1))
    for _ in range(5):
        assert outcome(play.handle(v3_signed(WRONG))) == (400, "SignatureDoesNotMatch")
    assert outcome(play.handle(v3_signed(AppId="."))) == (400, "InvalidParameter")
    assert outcome(play.handle(v3_signed())) == THROTTLED


def test_without_quota_nothing_is_throttled():
    play = gateway()
    assert {play.handle(v3_signed()).status for _ in range(200)} == {200}


def test_nonces_are_forgotten_by_age_and_by_number():
    nonces = Nonces(lifetime_s=10, capacity=2)
    nonces.add(("a", "1"), 0.0)
    assert nonces.has(("a", "1"), 10.0)
    assert not nonces.has(("a", "1"), 10.1)
    assert not nonces.has(("b", "1"), 0.0)
    nonces.add(("a", "2"), 1.0)
    nonces.add(("a", "1"), 2.0)  # again, so it is the younger one now
    nonces.add(("a", "3"), 3.0)
    assert [nonces.has(("a", name), 3.0) for name in "123"] == [True, False, True]
