"""Obstacles: what keeps a well signed request from its operation, told in one line with what to do about it.

In: a description and an exchange. Out: an `Obstacle`, or None where the operation itself has answered. Pure. It never
says that the target breaks its contract: that is for the judges.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Final
from urllib.parse import urlsplit

from acs_conformance.answer import Answer, answer_of
from acs_conformance.description import Description, get, locations
from acs_conformance.message import RawResponse, header
from acs_conformance.record import Exchange
from acs_conformance.wire import decode

#: Seconds by which two clocks may differ for all that matters to a signature.
_CLOSE_S: Final = 60
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,200})", re.IGNORECASE)
#: Part of the failure of a connection -> what to do about it; the first that fits.
_REMEDIES: Final = (
    ("mismatch", "the certificate is another host's; check the address"),
    ("expired", "the certificate has to be renewed, or our clock is wrong"),
    ("certificate verify failed", "ca_bundle of a profile names the authorities to trust"),
    ("TLS", "is there TLS on that port, or should the address begin with http://?"),
    ("no connection to the proxy", "check the proxy's address"),
    ("proxy", "check the proxy's address, user and password"),
    ("not HTTP", "is it a server for HTTP, or should the address begin with https://?"),
    ("no connection", "is the target running, and the address right?"),
)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What is in the way."""

    #: In a word, such as "clock" or "connection".
    about: str
    says: str

    def __str__(self) -> str:
        return f"{self.about}: {self.says}"


def obstacle_of(description: Description, exchange: Exchange) -> Obstacle | None:
    """What kept the request of an exchange, if it was signed well, from its operation.

    Args:
        description: of the operation.
        exchange: as recorded.
    """
    answer = answer_of(description, exchange.response, exchange.failure)
    if exchange.response is None:
        about = "proxy" if "proxy" in exchange.failure else "connection"
        return Obstacle(about, with_remedy(exchange.failure))
    if answer.is_foreign or answer.is_page:
        return _foreign(answer, exchange.response)
    diagnosis = description.gateway.diagnosis(answer.code) if answer.code is not None and answer.row is None else None
    if diagnosis is not None:
        clock = f"; {_clocks(exchange)}" if diagnosis.about == "clock" else ""
        return Obstacle(diagnosis.about, f"{diagnosis.says}{clock}")
    if answer.kind == "throttled":
        return Obstacle(
            "throttling", "the target asks to come back later; a profile's pace sends fewer requests a second"
        )
    if answer.kind == "world":
        return Obstacle("identifiers", _unknown(description, exchange))
    if answer.family is not None and answer.row is None:
        return Obstacle(answer.family, description.gateway.meanings[answer.family])
    if answer.kind == "broken":
        return Obstacle("target", "the target fails by itself; its operators have to look")
    return None


def clock_offset_s(exchange: Exchange) -> float | None:
    """Seconds by which the target's clock is ahead of ours, by the header Date of an answer; None without it.

    The header has whole seconds, and the answer was under way for a while.
    """
    date = header(exchange.response.headers, "date") if exchange.response is not None else None
    try:
        theirs = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return None
    return theirs - (exchange.sent_at + exchange.elapsed_s / 2)


def _clocks(exchange: Exchange) -> str:
    offset_s = clock_offset_s(exchange)
    if offset_s is None:
        return "its answer has no Date to compare our clock with"
    if abs(offset_s) <= _CLOSE_S:
        return "by the Date of its answer our clocks agree, so it goes by another one"
    return f"our clock is {abs(offset_s):.0f} s {'behind' if offset_s > 0 else 'ahead of'} the target's; set it"


def with_remedy(failure: str) -> str:
    """Why there was no answer, with what to look at where that is known."""
    remedy = next((words for part, words in _REMEDIES if part in failure), "")
    return f"{failure}; {remedy}" if remedy else failure


def _foreign(answer: Answer, response: RawResponse) -> Obstacle:
    """What something else than an API has answered, such as a proxy or a portal."""
    if answer.status == 407:
        return Obstacle(
            "proxy", "the proxy wants a user and password; a profile's proxy may refer to a variable with them"
        )
    if 300 <= answer.status < 400:
        place = urlsplit(header(response.headers, "location") or "")
        return Obstacle("endpoint", f"it sends us elsewhere, to {place.hostname or 'another path'}; no API does")
    if answer.is_page:
        title = _TITLE.search(response.body)
        shown = " ".join(unescape(title[1].decode("utf-8", "replace")).split()) if title else ""
        named = f" with the title {shown[:80]!r}" if shown.isprintable() and shown else ""
        return Obstacle("page", f"a page for people{named}, as proxies and portals show; no API was reached")
    return Obstacle("endpoint", "the answer has neither code nor request id; this is no endpoint of the operation")


def _unknown(description: Description, exchange: Exchange) -> str:
    """Which identifiers of a request the target may not know."""
    document = decode(description, exchange.request).document
    named = {
        f"{path} {get(document, location)!r}": None
        for path, node in description.nodes.items()
        if node.identifier == "bound"
        for location in locations(document, path)
    }
    return (
        f"the target does not know {' or '.join(named) or 'what the request names'}, or not for this caller; "
        "bindings of a profile name identifiers that exist there"
    )
