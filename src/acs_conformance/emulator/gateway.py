"""What stands before every operation: which operation is called, by whom, and whether that is let through.

In: a raw request and the time. Out: its envelope, and the first refusal of the checks or None. This module is the table
of the checks in their order; what each one does is in `checks`. Nothing here knows an operation's parameters.

The order is documented nowhere. It goes from what is cheapest to know, and as far as answers of real gateways show:
the operation is looked for before the caller. docs/emulator.md tells it to client teams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from acs_conformance.description import Description
from acs_conformance.emulator import checks, envelope
from acs_conformance.emulator.access_keys import AccessKeys
from acs_conformance.emulator.checks import Check, Knowledge
from acs_conformance.emulator.envelope import Envelope, Scheme
from acs_conformance.emulator.fault import Refusal
from acs_conformance.emulator.limits import Buckets, Nonces, Quota
from acs_conformance.emulator.policy import GATEWAY_POINTS, Policy
from acs_conformance.message import RawRequest

__all__ = ["AccessKeys", "Gate"]

#: Id of a check below its scheme, and the check.
Table = tuple[tuple[str, Check], ...]

_OPERATION: Table = (
    ("action.required", checks.required("Action")),
    ("version.required", checks.required("Version")),
    ("action.known", checks.action_known),
    ("version.known", checks.version_known),
    ("method.supported", checks.method_supported),
)
_KEY: Table = (
    ("accessKey.required", checks.required("AccessKeyId")),
    ("accessKey.known", checks.key_known),
    ("accessKey.active", checks.key_active),
)
_FRESHNESS: Table = (
    ("token", checks.token),
    ("date.required", checks.required("Timestamp")),
    ("date.form", checks.date_form),
    ("date.window", checks.date_window),
    ("nonce.required", checks.required("SignatureNonce")),
    ("nonce.unique", checks.nonce_unique),
)

#: Asked of every request, also where nobody has to sign.
_ROUTING: Mapping[Scheme, Table] = {
    "v3": _OPERATION,
    "v1": (("format", checks.format_known), *_OPERATION),
}
#: Whether the caller is who they say. A request that passes has used its nonce.
_AUTHENTICATION: Mapping[Scheme, Table] = {
    "v3": (
        ("authorization.required", checks.v3_authorization_required),
        ("authorization.form", checks.v3_authorization_form),
        *_KEY,
        *_FRESHNESS,
        ("coverage", checks.v3_coverage),
        ("payload", checks.v3_payload),
        ("signature", checks.v3_signature),
    ),
    "v1": (
        *_KEY,
        ("authorization.required", checks.required("Signature")),
        ("authorization.form", checks.v1_authorization_form),
        *_FRESHNESS,
        ("signature", checks.v1_signature),
    ),
}
#: Whether a caller who is known is let through.
_PERMISSION: Table = (
    ("throttling", checks.quota_left),
    ("authorization.ram", checks.is_permitted),
)


class Gate:
    """One gateway: its checks in order, and what they remember.

    Args:
        descriptions: operation name -> contract.
        policy: what it makes of all that is open.
        keys: who may call; None: anybody, and only the operation is looked for.
        window_s: seconds by which the time of a V3 request may differ from the clock, either way. That of a V1 request
            is the policy's.
        nonces: the nonces that were used.
        quota: of each AccessKey; None: none.
    """

    def __init__(
        self,
        descriptions: Mapping[str, Description],
        policy: Policy,
        *,
        keys: AccessKeys | None,
        window_s: float,
        nonces: Nonces,
        quota: Quota | None,
    ) -> None:
        choices = {point: policy.gateway(point) for point in GATEWAY_POINTS}
        self._takes_v1 = choices["gateway.v1"] == "taken"
        self._nonces = nonces
        self._knowledge = Knowledge(
            descriptions=descriptions,
            methods={name: _methods(description, policy) for name, description in descriptions.items()},
            keys=keys or AccessKeys(),
            window_s={"v3": window_s, "v1": 60.0 * int(choices["gateway.v1.window"])},
            nonces=nonces,
            buckets=Buckets(quota) if quota else None,
            choices=MappingProxyType(choices),
        )
        self._is_authenticating = keys is not None
        self._authentication = dict(_AUTHENTICATION)
        if choices["gateway.nonce.order"] == "after-signature":
            self._authentication = {scheme: _nonce_last(table) for scheme, table in _AUTHENTICATION.items()}

    def open(self, request: RawRequest, received_s: float) -> Envelope:
        """What a request that came at this Unix time says."""
        return envelope.opened(request, received_s, takes_v1=self._takes_v1)

    def check(self, envelope: Envelope) -> Refusal | None:
        """Why a request is not let through, by the first check that refuses it, or None."""
        scheme = envelope.scheme
        refused = self._first(_ROUTING[scheme], envelope)
        if refused is not None or not self._is_authenticating:
            return refused
        refused = self._first(self._authentication[scheme], envelope)
        if refused is not None:
            return refused
        self._nonces.add(envelope.nonce, envelope.received_s)
        return self._first(_PERMISSION, envelope)

    def _first(self, table: Table, envelope: Envelope) -> Refusal | None:
        for name, check in table:
            refused = check(self._knowledge, envelope)
            if refused is not None:
                return replace(refused, check=f"{envelope.scheme}.{name}")
        return None


def check_ids() -> tuple[str, ...]:
    """The ids of all checks, with their schemes, in order: what `Refusal.check` can be."""
    tables: Iterable[tuple[Scheme, Table]] = [
        (scheme, (*_ROUTING[scheme], *_AUTHENTICATION[scheme], *_PERMISSION)) for scheme in _ROUTING
    ]
    return tuple(f"{scheme}.{name}" for scheme, table in tables for name, _ in table)


def _methods(description: Description, policy: Policy) -> frozenset[str]:
    """The HTTP methods that an operation takes."""
    takes_another = any(
        question.trait == "method" and policy.choice(description, question.key) == "taken"
        for question in description.questions
    )
    another = "POST" if description.method == "GET" else "GET"
    return frozenset({description.method, another} if takes_another else {description.method})


def _nonce_last(table: Table) -> Table:
    """The table with the nonce looked for last."""
    return tuple(sorted(table, key=lambda row: row[0] == "nonce.unique"))
