"""Request signatures: credentials, the schemes as pure functions in `v3`, and httpx authentication made of them."""

from acs_conformance.signing.auth import Acs3HmacSha256
from acs_conformance.signing.credentials import Credentials

__all__ = ["Acs3HmacSha256", "Credentials"]
