"""What the tests of signatures share: keys, vectors, requests as a server gets them, and the official signers."""

from __future__ import annotations

import dataclasses
import json
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

from hypothesis import settings
from hypothesis import strategies as st

from acs_conformance.message import RawRequest, header
from acs_conformance.signing import Credentials, v3
from acs_conformance.signing.v3 import Authorization

with warnings.catch_warnings():
    # The official SDKs are old or generated code; on some versions of Python their import warns.
    warnings.simplefilter("ignore")
    from alibabacloud_live20161101 import models as live_models
    from alibabacloud_live20161101.client import Client as LiveClient
    from alibabacloud_tea_openapi.utils import Utils as TeaSigner
    from alibabacloud_tea_openapi.utils_models import Config
    from aliyunsdkcore.auth.composer import rpc_signature_composer as core_signer

__all__ = ["Config", "LiveClient", "TeaSigner", "core_signer", "live_models"]

DATA = Path(__file__).parent / "data"

CREDENTIALS = Credentials(access_key_id="testAccessKeyId", access_key_secret="testAccessKeySecret")
TEMPORARY = dataclasses.replace(CREDENTIALS, security_token="CAIS+token/with=chars")
NOW = datetime(2026, 1, 27, 8, 0, 0, tzinfo=UTC)
NONCE = "00112233445566778899aabbccddeeff"
HOST = "live.ap-southeast-1.aliyuncs.com"

sampled = settings(deadline=None, max_examples=200)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def vectors(scheme: str) -> list[dict]:
    return json.loads((DATA / f"{scheme}-vectors.json").read_text(encoding="utf-8"))["vectors"]


def captured(scheme: str) -> dict[str, RawRequest]:
    """Name -> a request that a server received from an official SDK, signed with `CAPTURED_SECRET`."""
    return {
        item["name"]: RawRequest(
            item["method"], item["target"], tuple(map(tuple, item["headers"])), item["body"].encode()
        )
        for item in _CAPTURED["requests"]
        if item["scheme"] == scheme
    }


_CAPTURED = json.loads((DATA / "captured-requests.json").read_text(encoding="utf-8"))
CAPTURED_SECRET = _CAPTURED["access_key_secret"]


# --- ACS3-HMAC-SHA256 ----------------------------------------------------------------------------------------------


def authorization_of(request: RawRequest) -> Authorization:
    authorization = v3.parse_authorization(header(request.headers, "authorization"))
    assert authorization is not None
    return authorization


def v3_signature(request: RawRequest, secret: str = CREDENTIALS.access_key_secret) -> str:
    """What a verifier computes from a request as received."""
    canonical = v3.canonical_request(request, authorization_of(request).signed_headers, v3.hashed_payload(request.body))
    return v3.signature(secret, v3.string_to_sign(canonical))


def official_authorization(request: RawRequest, query: dict[str, str], credentials: Credentials = CREDENTIALS) -> str:
    """What the official signer makes of the headers that a request says are signed."""
    names = authorization_of(request).signed_headers
    return TeaSigner.get_authorization(
        SimpleNamespace(
            method=request.method,
            pathname=request.path,
            query=query,
            headers={name: value for name, value in request.headers if name.lower() in names},
        ),
        v3.ALGORITHM,
        TeaSigner.hash(request.body, v3.ALGORITHM).hex(),
        credentials.access_key_id,
        credentials.access_key_secret,
    )
