"""Request signatures: credentials, two schemes as pure functions in `v3` and `v1`, and both for httpx clients."""

from acs_conformance.signing.auth import Acs3HmacSha256, AcsHmacSha1
from acs_conformance.signing.common import is_same_signature
from acs_conformance.signing.credentials import Credentials

__all__ = ["Acs3HmacSha256", "AcsHmacSha1", "Credentials", "is_same_signature"]
