"""Faults of the gateway: checks that are not made, answers that are not documented, requests wrongly turned away.

In: the description of a gateway. Out: faults, named after the check that they break. Both signature schemes have each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from acs_conformance.description import Description
from acs_conformance.emulator.envelope import Envelope
from acs_conformance.emulator.fault import Memory, Refusal
from acs_conformance.faults.kind import Seed, body_of, with_body, with_members
from acs_conformance.gateway_checks import SCHEMES, Checks
from acs_conformance.message import RawResponse

#: Check of the emulator below its scheme -> the gateway's check that shows whether it is made, by scheme.
_SHOWN_BY: Mapping[str, Mapping[str, str]] = {
    "version.known": {"v3": "version.known", "v1": "version.known"},
    "version.required": {"v3": "version.required", "v1": "version.required"},
    "method.supported": {"v3": "method.supported"},
    "accessKey.required": {"v1": "accessKey.required"},
    "accessKey.known": {"v3": "accessKey.known", "v1": "accessKey.known"},
    "authorization.required": {"v3": "authorization.required", "v1": "authorization.required"},
    "authorization.form": {"v3": "authorization.form", "v1": "authorization.form"},
    "token": {"v3": "token.right", "v1": "token.right"},
    "date.required": {"v3": "date.required", "v1": "date.required"},
    "date.form": {"v3": "date.form", "v1": "date.form"},
    "date.window": {"v3": "date.window", "v1": "date.window"},
    "nonce.required": {"v3": "nonce.required", "v1": "nonce.required"},
    "nonce.unique": {"v3": "nonce.unique", "v1": "nonce.unique"},
    "payload": {"v3": "signature.body"},
    "signature": {"v3": "signature.value", "v1": "signature.value"},
}

#: Whether a defect shows in a request.
Only = Callable[[Envelope, Memory], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unguarded(Seed):
    """A gateway that lets pass what a check refuses."""

    #: Id of the emulator's check.
    check: str
    #: Only these requests; None: all.
    only: Only | None = None

    def refusal(self, envelope: Envelope, refused: Refusal | None, memory: Memory) -> Refusal | None:
        """Nothing where this check refused."""
        if refused is None or refused.check != self.check:
            return refused
        return None if self.only is None or self.only(envelope, memory) else refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetful(Seed):
    """A gateway that remembers the last nonce only."""

    #: Id of the emulator's check.
    check: str

    def refusal(self, envelope: Envelope, refused: Refusal | None, memory: Memory) -> Refusal | None:
        """Nothing where an older nonce comes again."""
        if refused is not None and refused.check == self.check and memory.get("nonce") != envelope.nonce:
            return None
        if refused is None:
            memory["nonce"] = envelope.nonce
        return refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Misanswered(Seed):
    """A gateway whose refusals are not as documented."""

    spoil: Callable[[RawResponse], RawResponse]
    #: Id of the emulator's check; "": of each.
    check: str = ""

    def turned_away(self, envelope: Envelope, refused: Refusal, response: RawResponse, memory: Memory) -> RawResponse:
        """The spoiled answer."""
        del envelope, memory
        return self.spoil(response) if self.check in ("", refused.check) else response


@dataclass(frozen=True, slots=True, kw_only=True)
class Distrustful(Seed):
    """A gateway that turns away what is signed well."""

    turns_away: Callable[[Envelope, Memory], bool]
    code: str = "SignatureDoesNotMatch"

    def refusal(self, envelope: Envelope, refused: Refusal | None, memory: Memory) -> Refusal | None:
        """A refusal of what passed."""
        if refused is not None or not self.turns_away(envelope, memory):
            return refused
        return Refusal(status=400, code=self.code, message="Specified signature is not matched: wrong.")


def gatekeeping(description: Description, checks: Checks) -> Iterator[Seed]:
    """Every fault of a gateway."""
    yield from _unguarded(description)
    yield from _half_guarded(description)
    yield from _misanswered(description)
    yield from _distrustful(description, checks)


# --- checks that are not made -----------------------------------------------------------------------------------------


def _unguarded(d: Description) -> Iterator[Seed]:
    for name, shown in _SHOWN_BY.items():
        for scheme, key in shown.items():
            yield Unguarded(
                id=f"{d.id(f'{scheme}.{key}')}!skip-check#{name}",
                operator="skip-check",
                says=f"{scheme}: {name} is not checked",
                check=f"{scheme}.{name}",
            )


def _half_guarded(d: Description) -> Iterator[Seed]:
    """Checks that are made of some requests only."""
    for scheme in SCHEMES:
        parameters = "query" if scheme == "v3" else "parameters"
        halves: Mapping[str, tuple[str, str, str, Only]] = {
            "beginning": (
                "signature.value",
                "signature",
                "a shorter signature is taken",
                lambda e, _m: 0 < len(_sent(e)) < _LENGTHS[e.scheme],
            ),
            "added": (
                f"signature.{parameters}",
                "signature",
                "a parameter that was added after signing is taken",
                lambda e, _m: "Added=" in e.request.query,
            ),
            "method": (
                "signature.method",
                "signature",
                "the method is not signed",
                lambda e, _m: e.request.method == "GET",
            ),
            "third": (
                "signature.value",
                "signature",
                "every third wrong signature is taken",
                lambda _e, m: _counted(m) % 3 == 0,
            ),
            "a-day": (
                "date.window",
                "date.window",
                "a time of less than a day ago is taken",
                lambda e, _m: abs(_age_s(e)) < _ALMOST_A_DAY_S,
            ),
        }
        if scheme == "v3":
            halves = {
                **halves,
                "longer": (
                    "signature.value",
                    "signature",
                    "what follows the signature is not looked at",
                    lambda e, _m: len(_sent(e)) > _LENGTHS["v3"],
                ),
                "host": (
                    "signature.host",
                    "signature",
                    "the host is not signed",
                    lambda e, _m: "invalid" in e.headers.get("host", ""),
                ),
                "further": (
                    "signature.headers",
                    "signature",
                    "only the headers of the scheme are signed",
                    lambda e, _m: "x-acs-further" in e.headers,
                ),
            }
        for word, (key, check, says, only) in halves.items():
            yield Unguarded(
                id=f"{d.id(f'{scheme}.{key}')}!half-check#{word}",
                operator="half-check",
                says=f"{scheme}: {says}",
                check=f"{scheme}.{check}",
                only=only,
                needs={"wire.method": "taken"} if word == "method" else {},
            )
        yield Forgetful(
            id=f"{d.id(f'{scheme}.nonce.unique')}!half-check#last-only",
            operator="half-check",
            says=f"{scheme}: only the last nonce is remembered",
            check=f"{scheme}.nonce.unique",
        )


#: Characters of a right signature.
_LENGTHS = {"v3": 64, "v1": 28}
_ALMOST_A_DAY_S = 80_000


def _sent(envelope: Envelope) -> str:
    return envelope.authorization.signature if envelope.authorization else envelope.get("Signature")


def _age_s(envelope: Envelope) -> float:
    try:
        sent = datetime.fromisoformat(envelope.get("Timestamp")).astimezone(UTC).timestamp()
    except ValueError:
        return float("inf")
    return envelope.received_s - sent


def _counted(memory: Memory) -> int:
    memory["wrong"] = memory.get("wrong", 0) + 1
    return int(memory["wrong"])


# --- answers that are not documented ----------------------------------------------------------------------------------


def _misanswered(d: Description) -> Iterator[Seed]:
    for name, shown in _SHOWN_BY.items():
        for scheme, key in shown.items():
            for word, says, spoil in (
                ("code", "answered by a code of its own", lambda r: with_members(r, {"Code": "Rejected"})),
                ("status", "answered with status 401", lambda r: replace(r, status=401)),
                ("success", "answered with status 200", lambda r: replace(r, status=200)),
                ("failure", "answered with status 500", lambda r: replace(r, status=500)),
            ):
                yield Misanswered(
                    id=f"{d.id(f'{scheme}.{key}')}!answer-{word}#{name}",
                    operator=f"answer-{word}",
                    says=f"{scheme}: {name} is {says}",
                    check=f"{scheme}.{name}",
                    spoil=spoil,
                )
    for member in ("RequestId", "Code", "Message"):
        key = f"error.{member}.required"
        yield Misanswered(
            id=f"{d.id(key)}!leave-out",
            operator="leave-out",
            says=f"refusals have no {member}",
            spoil=lambda r, member=member: with_body(r, {k: v for k, v in body_of(r).items() if k != member}),
        )
        yield Misanswered(
            id=f"{d.id(f'error.{member}.type')}!as-number",
            operator="as-number",
            says=f"{member} of refusals is a number",
            spoil=lambda r, member=member: with_members(r, {member: 7}),
        )
        if member != "Code":
            yield Misanswered(
                id=f"{d.id(f'error.{member}.minLength')}!empty",
                operator="empty",
                says=f"{member} of refusals is empty",
                spoil=lambda r, member=member: with_members(r, {member: ""}),
            )
    yield Misanswered(
        id=f"{d.id('error.type')}!in-a-list",
        operator="in-a-list",
        says="refusals are a list",
        spoil=lambda r: with_body(r, [body_of(r)]),
    )
    yield Misanswered(
        id=f"{d.id('error.contentType')}!as-html",
        operator="as-html",
        says="refusals are called text/html",
        spoil=lambda r: replace(r, headers=tuple((k, "text/html" if k == "content-type" else v) for k, v in r.headers)),
    )


# --- what is wrongly turned away --------------------------------------------------------------------------------------

#: Word -> what it looks for in a query as it stands on the wire: what encoders do differently.
_SPELLINGS: Mapping[str, str] = {
    "space": "%20",
    "space-as-plus": r"(?<=a)\+(?=b)",
    "plus": "%2B",
    "star": "%2A",
    "star-unescaped": r"\*",
    "tilde": "~",
    "tilde-escaped": "%7E",
    "percent": "%25",
    "slash": "%2F",
    "emoji": "%F0%9F",
    "reserved": "%26",
    "empty": "=&|=$",
}


def _distrustful(d: Description, checks: Checks) -> Iterator[Seed]:
    for scheme in SCHEMES:
        known = {v.name for v in checks.by_key[f"{scheme}.characters"].variations}
        for word, pattern in _SPELLINGS.items():
            if word not in known:
                continue
            yield Distrustful(
                id=f"{d.id(f'{scheme}.characters')}!encode-otherwise#{word}",
                operator="encode-otherwise",
                says=f"{scheme}: {word} is encoded otherwise before the signature is made",
                turns_away=_spelt(scheme, pattern),
            )
        yield Distrustful(
            id=f"{d.id(f'{scheme}.characters')}!encode-otherwise#order",
            operator="encode-otherwise",
            says=f"{scheme}: parameters are sorted without regard to letter case",
            turns_away=lambda e, _m, scheme=scheme: e.scheme == scheme and "&B=2&A-1=" in e.request.query,
        )
        yield Distrustful(
            id=f"{d.id(f'{scheme}.date.inside')}!narrow-window",
            operator="narrow-window",
            says=f"{scheme}: a time of ten minutes ago is refused",
            turns_away=lambda e, _m, scheme=scheme: e.scheme == scheme and _age_s(e) > 600,
            code="InvalidTimeStamp.Expired",
        )
    yield Distrustful(
        id=f"{d.id('v3.signature.accepted')}!turn-away#everybody",
        operator="turn-away",
        says="v3: every signature is wrong",
        turns_away=lambda e, _m: e.scheme == "v3",
    )
    yield Distrustful(
        id=f"{d.id('v3.signature.accepted')}!turn-away#form-body",
        operator="turn-away",
        says="v3: a request with a body is turned away",
        turns_away=lambda e, _m: e.scheme == "v3" and bool(e.request.body),
    )


def _spelt(scheme: str, pattern: str) -> Callable[[Envelope, Memory], bool]:
    found = re.compile(pattern)

    def turns_away(envelope: Envelope, _memory: Memory) -> bool:
        # Only what the operation's own text says: the parameters of the older scheme are full of escapes.
        query = re.sub(r"&(Action|Version|Format|AccessKeyId|Signature\w*|Timestamp)=[^&]*", "", envelope.request.query)
        first = query.partition("&")[0]
        looked_at = query if pattern == _SPELLINGS["empty"] else first
        return envelope.scheme == scheme and found.search(looked_at) is not None

    return turns_away
