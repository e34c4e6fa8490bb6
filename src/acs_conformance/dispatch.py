"""Send the requests of one case in order: wait where the case or the target asks for it, and judge each answer.

In: cases. Out: exchanges in the journal, and the judgement on the last one. Which cases are sent, and when a campaign
ends, is decided by `campaign`; which thing a request names, by `keeper`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from acs_conformance.campaign_judge import memory_of
from acs_conformance.cases.case import Case
from acs_conformance.cases.render import Context
from acs_conformance.description import Description
from acs_conformance.exchange import Recorder
from acs_conformance.journal import Shared
from acs_conformance.judge import judge_exchange
from acs_conformance.keeper import Keeper
from acs_conformance.message import RawRequest, header
from acs_conformance.observation import Judgement
from acs_conformance.record import STALE, Exchange
from acs_conformance.standing import Thing
from acs_conformance.trait import Memory

#: Waits after being throttled, in seconds; the last one is followed by giving up on the case.
_BACKOFF_S = (0.5, 1.0, 2.0, 4.0)
_LONGEST_WAIT_S = 30.0
#: Seconds between looks at a thing that is to end, and after which one more look is enough.
_POLLS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_PATIENCE_S = 66.0
#: Seconds before a target that was there before is looked for again.
_AWAY_S = (0.5, 1.0, 2.0, 4.0)
#: How often a campaign waits for a broken target, and at most how many seconds each time.
_RESTS = 12
_LONGEST_REST_S = 10.0
#: What makes the name of an operation one that does not exist.
_STRANGE = "X"

#: Makes the request of a step of a case.
Rendered = Callable[[Description, Case, int, Context, int], RawRequest]


class Dispatcher:
    """Sends cases, one request after the other."""

    def __init__(
        self,
        descriptions: Mapping[str, Description],
        recorder: Recorder,
        context: Context,
        shared: Shared,
        *,
        name: str,
        rendered: Rendered,
        sleep: Callable[[float], None],
        wait: Callable[[float], float] | None,
        after: Callable[[Exchange, Judgement, bool], None],
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            descriptions: every operation that may be called.
            recorder: sends and records.
            context: run, bindings and time of the requests.
            shared: what it shares with the others.
            name: tells what it has created from what others have.
            rendered: makes the requests.
            sleep: waits so many seconds.
            wait: lets so many seconds of the life of things go by, or None where they are slept through.
            after: called after each request, with whether the target could not be reached; may end the campaign by
                raising.
        """
        #: The things that cases act on.
        self.keeper = Keeper(descriptions, self._send_alone, shared, name, recorder.now)
        self._descriptions = descriptions
        self._recorder = recorder
        self._context = context
        self._shared = shared
        self._rendered = rendered
        self._sleep = sleep
        self._wait = wait
        self._after = after
        #: The exchange that was sent last.
        self._last: Exchange | None = None

    def resume(self, added: Iterable[Exchange]) -> list[tuple[Exchange, Judgement]]:
        """Take in what other processes have sent; each exchange with its judgement."""
        self._shared.go_on()
        judged = []
        for exchange in added:
            description = self._descriptions[exchange.operation]
            standing = self.keeper.things.standing(description, exchange)
            judgement = judge_exchange(description, exchange, Memory(standing=standing))
            self.keeper.things.learn(description, exchange, judgement)
            judged.append((exchange, judgement))
        self._shared.remember(memory_of(self._descriptions, judged).works)
        return judged

    def attempt(self, case: Case, attempt: int, thing: Thing | None = None) -> tuple[Judgement, int]:
        """One try at the whole sequence, with waits while throttled; the last judgement and the attempt's number.

        What it created is ended afterwards.

        Args:
            case: what to send.
            attempt: its number.
            thing: what each request names; None: what the keeper keeps for the case.
        """
        judgement, attempt = self._patiently(case, attempt, thing)
        if case.kind not in ("setup", "cleanup"):
            self.keeper.end_all(case)
        return judgement, attempt

    def _patiently(self, case: Case, attempt: int, thing: Thing | None) -> tuple[Judgement, int]:
        for wait in (*_BACKOFF_S, None):
            judgement = self._sequence(case, attempt, thing)
            if judgement.answer.failure == STALE:
                attempt += 1
                judgement = self._sequence(case, attempt, thing)
            judgement, attempt = self._connected(case, attempt, judgement, thing)
            if judgement.answer.kind != "throttled" or judgement.is_right is not None or wait is None:
                break
            self._sleep(self._wait_s(wait))
            attempt += 1
        return judgement, attempt

    def _connected(self, case: Case, attempt: int, judgement: Judgement, thing: Thing | None) -> tuple[Judgement, int]:
        """Wait for a target that was there before and is not now: nothing was sent, so it costs nothing to try again.

        Whoever looks at each exchange ends the campaign when that has taken too long.
        """
        for wait in itertools.chain(_AWAY_S, itertools.repeat(_AWAY_S[-1])):
            if self._last is None or not self._last.is_unreachable or not self._shared.was_reached:
                break
            self._sleep(wait)
            attempt += 1
            judgement = self._sequence(case, attempt, thing)
        return judgement, attempt

    def _sequence(self, case: Case, attempt: int, thing: Thing | None) -> Judgement:
        for step in range(len(case.steps)):
            self._wait_before(case, step)
            judgement = self.send(case, step, attempt, thing)
            word = next((edit.value for edit in case.steps[step] if edit.op == "until"), None)
            if word is not None:
                judgement = self._poll(case, step, attempt, judgement, word)
            if judgement.is_right is not True or (case.signing and judgement.answer.kind == "throttled"):
                break
        return judgement

    def _wait_before(self, case: Case, step: int) -> None:
        for edit in case.steps[step]:
            if edit.op == "wait":
                self._let_pass(edit.value)

    def follow(self, case: Case, step: int, attempt: int) -> Judgement:
        """One step of a case that grows from answer to answer: the same request again while it is throttled.

        What it creates is not ended here; the keeper does that for the whole case.
        """
        self._wait_before(case, step)
        for wait in (*_BACKOFF_S, None):
            judgement = self.send(case, step, attempt)
            if judgement.answer.failure == STALE:
                judgement = self.send(case, step, attempt)
            if judgement.answer.kind != "throttled" or judgement.is_right is not None or wait is None:
                break
            self._sleep(self._wait_s(wait))
        return judgement

    def _poll(self, case: Case, step: int, attempt: int, judgement: Judgement, word: str) -> Judgement:
        """Send the same again until the answer tells of the end of a thing, or tells that it did not come in time."""
        waited = 0.0
        for wait in itertools.chain(_POLLS_S, itertools.repeat(_POLLS_S[-1])):
            is_told = any(o.requirement.endswith(f".{word}") for o in judgement.observations)
            if is_told or judgement.is_right is not True or waited > _PATIENCE_S:
                return judgement
            self._let_pass(wait)
            waited += wait
            judgement = self.send(case, step, attempt)
        return judgement

    def _let_pass(self, seconds: float) -> None:
        """Let time go by for the things of the target."""
        if self._wait is None:
            self._sleep(seconds)
        else:
            self._shared.moved_s += self._wait(seconds)

    def _wait_s(self, backoff: float) -> float:
        """Seconds to wait: what the target asks for, else the backoff with jitter."""
        response = self._last.response if self._last is not None else None
        asked = _asked_wait_s(response.headers) if response is not None else None
        return min(asked if asked is not None else backoff * random.uniform(0.8, 1.2), _LONGEST_WAIT_S)  # noqa: S311

    def rest(self, seconds: float) -> None:
        """Wait before a broken case is tried again: as long as the target asks for, else so many seconds.

        Only so often in a campaign: what breaks again and again is more than a moment's weather.
        """
        with self._shared.lock:
            self._shared.rests += 1
            is_weather = self._shared.rests <= _RESTS
        if is_weather and (wait := min(self._wait_s(seconds), _LONGEST_REST_S)):
            self._sleep(wait)

    def _send_alone(self, case: Case, thing: Thing | None) -> Judgement:
        """Run a case of the keeper's own, whatever the limits: what was created is ended."""
        self._shared.add_case(case)
        return self.attempt(case, 0, thing)[0]

    def _context_of(self, case: Case, step: int, attempt: int, thing: Thing | None) -> Context:
        if thing is not None:
            return replace(self._context, things={thing.kind: thing})
        return self.keeper.context(self._context, case, step, attempt)

    def send(self, case: Case, step: int, attempt: int, thing: Thing | None = None) -> Judgement:
        """Send one request of a case and judge the answer.

        Args:
            case: whose request it is.
            step: position in its sequence.
            attempt: number of the try.
            thing: what it names; None: what the keeper keeps for the case.

        Raises:
            Unaffordable: it may create something, and nothing is left to be spent on that.
            Exhausted: nothing more may be sent.
        """
        description = self._descriptions[case.operation_of(step)]
        request = self._rendered(description, case, step, self._context_of(case, step, attempt, thing), attempt)
        exchange, is_unreachable = self._recorder.exchange(
            description,
            request,
            number=0,  # it gets one when it is known to have been sent
            case=case.id,
            step=step,
            attempt=attempt,
            signing=case.signing[step] if case.signing else None,
            action=f"{description.action}{_STRANGE}" if case.kind == "stranger" else "",
            moved_s=self._shared.moved_s,
            keep=self._shared.add,
        )
        self._last = exchange
        standing = self.keeper.things.standing(description, exchange)
        judgement = judge_exchange(description, exchange, replace(self._shared.memory, standing=standing))
        self.keeper.learn(description, exchange, judgement)
        if judgement.is_accepted:
            self._shared.remember(memory_of(self._descriptions, [(exchange, judgement)]).works)
        with self._shared.lock:
            self._after(exchange, judgement, is_unreachable)
        return judgement


def _asked_wait_s(headers: tuple[tuple[str, str], ...]) -> float | None:
    """Seconds that the target asks to wait: `x-acs-retry-after` in milliseconds, `retry-after` in seconds."""
    for name, unit in (("x-acs-retry-after", 0.001), ("retry-after", 1.0)):
        text = header(headers, name)
        if text is not None and text.strip().isascii() and text.strip().isdigit():
            return int(text) * unit
    return None
