"""Hooks for `st run` in `against_schemathesis.py`: sign every request, and with BENCHMARK_HELP=1 all the help there is.

The help is what a user could give who knows the operation well, so that the comparison is at its best for Schemathesis:

- the security scheme is taken out of the document, so every request is signed, and checks that take signatures away
  don't run: they expect 401, where a gateway of this kind answers 400;
- generated values are mended where they break rules that no JSON Schema can state (all user ids of a request differ),
  which turns wrong alarms about refused requests into valid requests.
"""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis

from acs_conformance.message import RawRequest
from acs_conformance.signing.v3 import sign
from acs_conformance.target import EMULATOR_CREDENTIALS


class _Signed(requests.auth.AuthBase):
    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        body = prepared.body or b""
        signed = sign(
            RawRequest(
                prepared.method or "",
                prepared.path_url,
                tuple((_text(name), _text(value)) for name, value in prepared.headers.items()),
                body.encode() if isinstance(body, str) else bytes(body),
            ),
            EMULATOR_CREDENTIALS,
            action="StartRtcCloudTranscode",
            version="2016-11-01",
            host=urlsplit(prepared.url or "").netloc,
            now=datetime.now(UTC),
            nonce=secrets.token_hex(16),
        )
        prepared.headers.update(signed.headers)
        return prepared


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


schemathesis.auth.set_from_requests(_Signed())

if os.environ.get("BENCHMARK_HELP") == "1":

    @schemathesis.hook
    def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:  # noqa: ANN401, ARG001 - as called
        raw_schema.pop("security", None)
        raw_schema.get("components", {}).pop("securitySchemes", None)

    @schemathesis.hook
    def map_case(context: Any, case: Any) -> Any:  # noqa: ANN401, ARG001 - as called
        try:
            outputs = json.loads(case.query["OutputParams"])
            taken = {json.loads(case.query["InputParam"])["SingleSubUserParam"]["UserId"]}
            names = [output["UserId"] for output in outputs]
        except (KeyError, TypeError, ValueError):
            return case  # broken on purpose elsewhere
        if not all(isinstance(name, str) and name for name in names):
            return case
        for output in outputs:
            if output["UserId"] in taken:
                output["UserId"] = secrets.token_hex(8)
            taken.add(output["UserId"])
        case.query["OutputParams"] = json.dumps(outputs)
        return case
