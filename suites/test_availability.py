"""That there is an answer at all."""

import pytest


@pytest.mark.acs_family("availability")
def test_availability(requirement, campaign):
    """No request is answered 5xx, or not at all."""
    campaign.verdict(requirement).expect_pass()
