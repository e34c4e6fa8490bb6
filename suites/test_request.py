"""What a request may say: accepted where it keeps the contract, refused where it breaks one requirement."""

import pytest


@pytest.mark.acs_family("request")
def test_request(requirement, campaign):
    """Requests that keep this requirement are accepted, one that breaks it alone gets the documented error."""
    campaign.verdict(requirement).expect_pass()
