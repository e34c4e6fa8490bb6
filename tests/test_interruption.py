"""Interruptions that are held back for a moment: none is lost, and the second one comes at once."""

from __future__ import annotations

import contextlib
import signal
import threading

import pytest

from acs_conformance.interruption import held


@pytest.fixture
def told():
    """The numbers of the signals that came to a handler which raises, as that of SIGINT does."""
    came = []

    def handle(number, _frame):
        came.append(number)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    yield came
    for number, handler in before.items():
        assert signal.getsignal(number) is handle, "restored"
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_comes_when_it_is_over(told, number):
    done = []

    def hold():
        with held():
            signal.raise_signal(number)
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        hold()
    assert done
    assert told == [number]


def test_the_second_comes_at_once_and_no_third_is_lost(told):
    def hold():
        with held():
            signal.raise_signal(signal.SIGINT)
            assert not told
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            assert told == [signal.SIGTERM]
            signal.raise_signal(signal.SIGINT)
            pytest.fail("it has to come")

    with pytest.raises(KeyboardInterrupt):
        hold()
    assert told == [signal.SIGTERM, signal.SIGINT]


def test_an_error_does_not_swallow_it(told):
    def fail():
        with held():
            signal.raise_signal(signal.SIGINT)
            raise ValueError

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert told == [signal.SIGINT]


@pytest.mark.parametrize("is_needed", [True, False])
def test_without_one_nothing_happens(told, is_needed):
    with held(is_needed=is_needed):
        pass
    assert not told


def test_what_is_ignored_stays_ignored(told):
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with held():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    signal.signal(signal.SIGTERM, before)


def test_other_threads_hold_nothing_back(told):
    def hold():
        with held():
            seen.append(signal.getsignal(signal.SIGINT))

    seen = []
    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
