"""The oracle against the hand-written table, and what it says of open traits."""

import pytest

from acs_conformance import spec_folder
from acs_conformance.derived import REDACTED
from acs_conformance.message import RawRequest
from acs_conformance.oracle import expect
from acs_conformance.trait import Memory
from acs_conformance.wire import encode_query
from page_table import ACCEPT, EITHER, ROWS, TOKEN, Row

DESCRIPTION = spec_folder.load("StartRtcCloudTranscode")


def request_of(row: Row) -> RawRequest:
    # The table's token is a constant; what the page says of tokens is open, so it stands for a well-made one.
    parameters = [(name, text.replace(TOKEN, REDACTED)) for name, text in row.parameters]
    return RawRequest("POST", "/?" + encode_query(parameters))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_oracle_allows_what_the_hand_written_table_allows(row):
    expectation = expect(DESCRIPTION, request_of(row), Memory())
    if row.allowed == ACCEPT:
        assert expectation.is_accept, expectation
    elif row.allowed == EITHER:
        assert expectation.anything or (expectation.success and expectation.refusals), expectation
    else:
        assert expectation.is_reject, expectation
        assert expectation.refusals == row.allowed
