"""What becomes of what was created: shown as it was given, and alive until it is ended or idle for its time."""

import pytest


@pytest.mark.acs_family("lifecycle")
def test_lifecycle(requirement, campaign):
    """A thing is shown as it was created, and in a state that it can be in."""
    campaign.verdict(requirement).expect_pass()
