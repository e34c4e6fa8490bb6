"""Signed requests for the tests of the emulator's gateway, and gateways to send them to.

V3 requests are signed by the code that the emulator shares with the suite, which is held to published vectors; V1
requests by the few lines below, from the documentation alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.core import Emulator, Settings
from acs_conformance.emulator.fault import Fault
from acs_conformance.emulator.policy import Policy
from acs_conformance.message import RawRequest, header
from acs_conformance.signing import Credentials, v3
from emulator_calls import ACTION, DESCRIPTION, NOW_S, VERSION, document, lenient, texts

KEY = Credentials(access_key_id="testAk", access_key_secret="testSecret")
TEMPORARY = Credentials(access_key_id="STS.ak", access_key_secret="stsSecret", security_token="sts/Token+=")
#: The right key's id with another secret.
WRONG = Credentials(access_key_id="testAk", access_key_secret="other")
KEYS = AccessKeys(
    secrets={key.access_key_id: key.access_key_secret for key in (KEY, TEMPORARY)},
    tokens={"STS.ak": "sts/Token+="},
)
NOW = datetime.fromtimestamp(NOW_S, UTC)
FORM = "application/x-www-form-urlencoded"
_nonces = map(str, itertools.count())


class Clock:
    """A clock that tests move."""

    def __init__(self, now_s=NOW_S):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


class Watching(Fault):
    """No defect: remembers which check refused the last request, "" for none."""

    id = "watching"
    check = ""

    def refusal(self, _request, refused, _memory):
        self.check = refused.check if refused else ""
        return refused


class Dropping(Fault):
    """Lets pass what one check refuses."""

    id = "dropping"

    def __init__(self, check):
        self._check = check

    def refusal(self, _request, refused, _memory):
        return None if refused and refused.check == self._check else refused


def gateway(clock=lambda: NOW_S, *, choices=None, fault=None, keys=KEYS, **settings):
    """An emulator that asks for signatures and is lenient about all else."""
    policy = Policy(choices=lenient([DESCRIPTION]) | (choices or {}))
    return Emulator(
        {ACTION: DESCRIPTION},
        settings=Settings(access_keys=keys, **settings),
        policy=policy,
        fault=fault,
        clock=clock,
    )


def parameters(**changes):
    """The operation's parameters in a valid request as texts, then changed."""
    return texts(document(**changes))


def v3_signed(
    credentials=KEY, *, nonce=None, now=NOW, headers=(("accept", "application/json"),), method="POST", **sent
):
    """A V3 request with the operation's parameters, changed by `sent`, in the query."""
    return v3.sign(
        RawRequest(method, "/?" + urlencode(parameters(**sent)), headers),
        credentials,
        action=ACTION,
        version=VERSION,
        host="live.example",
        now=now,
        nonce=nonce or next(_nonces),
    )


def v1_common(credentials=KEY, *, nonce=None, now=NOW, **changes):
    """The common parameters of a V1 request but for Signature, then changed; `...` leaves one out."""
    common = {
        "Action": ACTION,
        "Version": VERSION,
        "Format": "JSON",
        "AccessKeyId": credentials.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": nonce or next(_nonces),
        "Timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    if credentials.security_token is not None:
        common["SecurityToken"] = credentials.security_token
    return {name: value for name, value in (common | changes).items() if value is not ...}


def v1_string_to_sign(method, pairs):
    """From the page: parameters sorted and encoded; method, a slash and those, encoded again."""
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return f"{method}&%2F&" + quote("&".join(f"{name}={value}" for name, value in encoded), safe="-_.~")


def v1_signature(secret, method, pairs):
    digest = hmac.new(f"{secret}&".encode(), v1_string_to_sign(method, pairs).encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def v1_signed(credentials=KEY, *, method="POST", place="query", business=None, headers=(), **common):
    """A V1 request.

    `place` is "query", "body" (everything there) or "both" (the operation's parameters in the body). `business` are the
    operation's parameters; `common` changes the common ones, before the signature is made.
    """
    business = parameters() if business is None else business
    sent = v1_common(credentials, **common)
    secret = credentials.access_key_secret
    sent["Signature"] = v1_signature(secret, method, (business | sent).items())
    return v1_request(business, sent, method=method, place=place, headers=headers)


def v1_request(business, common, *, method="POST", place="query", headers=()):
    """A request with these parameters in these places, whatever they are."""
    query, form = {"query": (business | common, {}), "body": ({}, business | common), "both": (common, business)}[place]
    headers = (("Host", "live.example"), *headers, *((("Content-Type", FORM),) if form else ()))
    return RawRequest(method, "/?" + urlencode(query) if query else "/", headers, urlencode(form).encode())


def with_header(raw, name, value):
    """The request with one header replaced, or left out for None."""
    rest = [item for item in raw.headers if item[0].lower() != name]
    return replace(raw, headers=(*rest, *([(name, value)] if value is not None else [])))


def xml_of(answer):
    """The root of an answer in XML."""
    assert header(answer.headers, "content-type") == "text/xml;charset=utf-8"
    return ElementTree.fromstring(answer.body)  # noqa: S314 - our own
