"""Sign requests: well, or in the one way in which a check of the gateway wants them wrong.

In: an unsigned request, and how to sign it. Out: the request as it goes out. The one place that has the credentials, a
clock and nonces; whoever sends, over HTTP or in process, sends what comes from here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from acs_conformance.description import Description
from acs_conformance.gateway_checks import Change, Scheme, Signing
from acs_conformance.message import Headers, RawRequest, header
from acs_conformance.signing import Credentials, v1, v3
from acs_conformance.signing.common import timestamp

_UNKNOWN_KEY = "LTAI5tUnknownAccessKeyId"
_WRONG = "wrong"


class Signer:
    """Signs as one caller. One thread at a time may use it.

    Args:
        credentials: who calls.
        host: value of the Host header.
        scheme: of requests for which nothing else is said.
        clock: the time, aware.
        new_nonce: another text at each call.
    """

    def __init__(
        self,
        credentials: Credentials,
        host: str,
        *,
        scheme: Scheme = "v3",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_nonce: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.has_token = credentials.security_token is not None
        self._credentials = credentials
        self._host = host
        self._default = Signing(scheme=scheme)
        self._clock = clock
        self._new_nonce = new_nonce
        #: What was sent of the case in hand: nonce and signed request.
        self._sent: list[tuple[str, RawRequest]] = []

    def sign(
        self, description: Description, request: RawRequest, how: Signing | None = None, step: int = 0
    ) -> RawRequest:
        """The request as it goes out.

        Args:
            description: whose action is called.
            request: unsigned.
            how: in which way; None: well, by the scheme of this signer.
            step: position of the request in its case, to which `how` may refer; 0 begins another case.
        """
        if step == 0:
            self._sent.clear()
        how = how or self._default
        if how.again is not None:
            return self._sent[how.again][1]
        nonce = self._new_nonce() if how.nonce_of is None else self._sent[how.nonce_of][0]
        signed = self._signed(description, _respelled(request, how), how, nonce)
        self._sent.append((nonce, signed))
        return signed

    def _signed(self, description: Description, request: RawRequest, how: Signing, nonce: str) -> RawRequest:
        credentials = self._caller(how)
        date = timestamp(self._clock() + timedelta(seconds=how.seconds))
        named = {"action": description.action, "version": description.version, "date": date, "nonce": nonce}
        if how.scheme == "v3":
            if how.is_form:
                request = _as_form(request)
            complete = v3.with_common_headers(request, credentials, host=self._host, **named)
            complete = _changed(complete, how.before)
            names = _signed_headers(complete.headers, how.uncovered)
            signed = v3.with_authorization(complete, credentials, signed_headers=names)
        else:
            place: v1.Place = "body" if how.is_form else "query"
            request = replace(request, headers=(("host", self._host), *request.headers))
            complete = _changed(v1.with_common_parameters(request, credentials, place=place, **named), how.before)
            signed = v1.with_signature(complete, credentials, place=place)
        return _changed(signed, how.after)

    def _caller(self, how: Signing) -> Credentials:
        own = self._credentials
        token = {"right": own.security_token, "wrong": _WRONG, "absent": None}[how.token]
        return Credentials(
            access_key_id=_UNKNOWN_KEY if how.has_unknown_key else own.access_key_id,
            access_key_secret=f"{own.access_key_secret}{_WRONG}" if how.has_wrong_secret else own.access_key_secret,
            security_token=token,
        )


def _signed_headers(headers: Headers, uncovered: str) -> list[str] | None:
    """What is signed, where that is not all that has to be."""
    if not uncovered:
        return None
    names = {name.lower() for name, _ in headers}
    return [n for n in names if (n.startswith("x-acs-") or n in ("host", "content-type")) and n != uncovered.lower()]


def _respelled(request: RawRequest, how: Signing) -> RawRequest:
    if how.respell is None:
        return request
    query = request.query.replace(*how.respell)
    return replace(request, target=f"{request.path}?{query}")


def _as_form(request: RawRequest) -> RawRequest:
    content_type = ("content-type", v1.FORM)
    return RawRequest(request.method, request.path, (*request.headers, content_type), request.query.encode("ascii"))


# --- changes ----------------------------------------------------------------------------------------------------------


def _changed(request: RawRequest, changes: tuple[Change, ...]) -> RawRequest:
    for change in changes:
        request = _change(request, change)
    return request


def _change(request: RawRequest, change: Change) -> RawRequest:
    where, _, name = change.place.partition(".")
    if where == "method":
        return replace(request, method=change.text)
    if where == "path":
        query = f"?{request.query}" if request.query else ""
        return replace(request, target=f"{change.text}{query}")
    if where == "body":
        return replace(request, body=_new_text(request.body.decode("latin-1"), change).encode("latin-1"))
    if where == "header":
        return replace(request, headers=_new_headers(request.headers, name, change))
    if where == "authorization":
        return replace(request, headers=_new_authorization(request.headers, name, change))
    query = _new_text(request.query, change) if not name else _new_query(request.query, name, change)
    return replace(request, target=f"{request.path}?{query.removeprefix('&')}")


def _new_text(text: str, change: Change) -> str:
    """A text after a change, other than it was wherever that can be."""
    match change.verb:
        case "set":
            return change.text
        case "append":
            return text + change.text
        case "cut":
            return text[: len(text) // 2]
        case "swap-case":
            return text.swapcase()
        case "alter-first":
            return re.sub(r"[A-Za-z0-9]", lambda found: _other(found[0]), text, count=1)
        case "alter-digit":
            return text[:-2] + _other(text[-2]) + text[-1:]  # the last digit of a time, before its Z
        case "alter":
            last = max((place for place, char in enumerate(text) if char.isalnum() and char.isascii()), default=None)
            return text if last is None else text[:last] + _other(text[last]) + text[last + 1 :]
        case _:
            return text


def _other(char: str) -> str:
    """Another character of the same kind."""
    for last, first in (("z", "a"), ("Z", "A"), ("9", "0")):
        if char == last:
            return first
    return chr(ord(char) + 1)


def _new_headers(headers: Headers, name: str, change: Change) -> Headers:
    wanted = name.lower()
    if change.verb == "remove":
        return tuple(item for item in headers if item[0].lower() != wanted)
    if all(key.lower() != wanted for key, _ in headers):
        return (*headers, (name, change.text))
    return tuple((key, _new_text(value, change)) if key.lower() == wanted else (key, value) for key, value in headers)


def _new_authorization(headers: Headers, part: str, change: Change) -> Headers:
    value = header(headers, "authorization") or ""
    algorithm, _, rest = value.partition(" ")
    if part == "algorithm":
        value = f"{_new_text(algorithm, change)} {rest}"
    else:
        value = re.sub(rf"{part}=([^,]*)", lambda found: f"{part}={_new_text(found[1], change)}", value)
    return _new_headers(headers, "Authorization", Change(verb="set", place="", text=value))


def _new_query(query: str, name: str, change: Change) -> str:
    """The raw query with one parameter changed; `?` stands for the first one."""
    parts = query.split("&")
    wanted = parts[0].partition("=")[0] if name == "?" else name
    changed = []
    for part in parts:
        key, _, value = part.partition("=")
        if key != wanted:
            changed.append(part)
        elif change.verb == "rename":
            changed.append(f"{change.text}={value}")
        elif change.verb != "remove":
            changed.append(f"{key}={_new_text(value, change)}")
    return "&".join(changed)
