"""What an answer looks like: the documented success and the documented errors."""

import pytest


@pytest.mark.acs_family("response")
def test_success(requirement, campaign):
    """Every success is as documented."""
    campaign.verdict(requirement).expect_pass()


@pytest.mark.acs_family("error")
def test_error(requirement, campaign):
    """Every error is as documented."""
    campaign.verdict(requirement).expect_pass()
