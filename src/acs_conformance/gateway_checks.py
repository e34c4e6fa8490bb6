"""The frozen model of what a gateway checks before an operation sees a request, as spec/_common/ states it.

In: what `spec_gateway` read. Out: `Check`s with the variations that decide them: each tells how a request differs from
a well signed one, and what the gateway has to do with it. Nothing here signs, sends or judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: Signature schemes: ACS3-HMAC-SHA256 in headers, HMAC-SHA1 in parameters.
Scheme = Literal["v3", "v1"]
SCHEMES: tuple[Scheme, ...] = ("v3", "v1")

#: What a gateway does with a request: lets it through to the operation, or answers by itself; "open": either is fine;
#: "throttled": lets it through until it comes too often.
Expects = Literal["passes", "refused", "open", "throttled"]

Verb = Literal["remove", "alter", "alter-first", "alter-digit", "cut", "swap-case", "set", "append", "rename"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of a request: `verb` at `place`."""

    verb: Verb
    #: "method", "path", "body", "query", "header.NAME", "query.NAME", or "authorization.PART".
    place: str
    #: For "set", "append" and "rename".
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How one request is signed, and in what way it is not signed well; the default is a well signed request."""

    scheme: Scheme = "v3"
    expects: Expects = "passes"
    #: Text of a parameter, for the operation to refuse and the gateway to sign; None: a valid request.
    text: str | None = None
    has_unknown_key: bool = False
    has_wrong_secret: bool = False
    token: Literal["right", "wrong", "absent"] = "right"  # noqa: S105 - a word
    #: Seconds from now that the request claims to be sent at.
    seconds: int = 0
    #: Position in the same case of the request whose nonce is used again, or which is sent again as it is.
    nonce_of: int | None = None
    again: int | None = None
    is_form: bool = False
    #: The query is written with the second text in place of the first.
    respell: tuple[str, str] | None = None
    #: A header of the scheme that is sent and not signed.
    uncovered: str = ""
    before: tuple[Change, ...] = ()
    after: tuple[Change, ...] = ()

    def __str__(self) -> str:
        parts = [f"signed by {self.scheme}"]
        parts += ["an unknown key"] if self.has_unknown_key else []
        parts += ["a wrong secret"] if self.has_wrong_secret else []
        parts += [f"{self.token} token"] if self.token != "right" else []  # noqa: S105 - a word
        parts += [f"{self.seconds:+d} s"] if self.seconds else []
        parts += [f"the nonce of request {self.nonce_of + 1}"] if self.nonce_of is not None else []
        parts += [f"request {self.again + 1} again"] if self.again is not None else []
        parts += ["as a form"] if self.is_form else []
        parts += [f"{self.respell[0]} written {self.respell[1]}"] if self.respell else []
        parts += [f"{self.uncovered} not signed"] if self.uncovered else []
        parts += [f"{change.verb} {change.place} before signing" for change in self.before]
        parts += [f"{change.verb} {change.place} after signing" for change in self.after]
        return ", ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One way to decide a check: a request, or several in a row of which the last one decides."""

    name: str
    steps: tuple[Signing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAnswer:
    """One documented answer of a gateway: codes, a trailing * for any ending, and the statuses they come with."""

    name: str
    codes: tuple[str, ...]
    statuses: frozenset[int]

    def fits(self, status: int, code: str | None) -> bool:
        """Whether an answer is this one; a code of just * needs none at all."""
        if status not in self.statuses:
            return False
        return any(
            pattern == "*" or (code is not None and (code == pattern or _is_prefix(pattern, code)))
            for pattern in self.codes
        )


def _is_prefix(pattern: str, code: str) -> bool:
    return pattern.endswith("*") and code.startswith(pattern[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise of a gateway; its key is the requirement's."""

    #: `v3.nonce.unique`.
    key: str
    scheme: Scheme
    claim: str
    expects: Expects
    #: None for "throttled": how many requests that takes is the run's choice.
    variations: tuple[Variation, ...]
    #: Documented answers where it refuses; in the order in which they are tried.
    answers: tuple[GatewayAnswer, ...] = ()
    #: Whether it can be asked only with temporary credentials.
    needs_token: bool = False
    line: int = 0

    @property
    def answer_question(self) -> str:
        """Key of the open question which of several documented answers comes."""
        return f"{self.key}.answer"


@dataclass(frozen=True, kw_only=True, eq=False)
class Checks:
    """All that a gateway checks."""

    by_key: Mapping[str, Check]
    #: JSON Schema of the body of its refusals.
    error: Mapping[str, Any]
    error_line: int
    #: Checks that tell a gateway from a stand-in that lets everybody in.
    authenticates: tuple[str, ...]
    #: Scheme -> the check whose first case tells whether a target takes it at all.
    taken: Mapping[Scheme, str]
    #: Whether such a stand-in fails them; else its gateway is left alone.
    are_demanded: bool = False

    @property
    def telling(self) -> tuple[str, ...]:
        """Keys of the checks that say whether others are worth asking."""
        return (*self.taken.values(), *self.authenticates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What some answers of a gateway to a well signed request say about the set-up of a run."""

    #: In a word, such as "clock".
    about: str
    #: Patterns of Code; a trailing * stands for any ending.
    codes: tuple[str, ...]
    says: str
