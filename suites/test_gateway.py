"""What stands before every operation: who calls, when, and whether the signature is right."""

import pytest


@pytest.mark.acs_family("gateway")
def test_gateway(requirement, campaign):
    """A request that is signed well reaches the operation, one that is not is refused as documented."""
    campaign.verdict(requirement).expect_pass()
