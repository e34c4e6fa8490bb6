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
    return RawRequest("POST", "/?" + encode_query(parameters_of(row)))


def parameters_of(row: Row) -> list[tuple[str, str]]:
    # The table's token is a constant; what the page says of tokens is open, so it stands for a well-made one.
    return [(name, text.replace(TOKEN, REDACTED)) for name, text in row.parameters]


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


@pytest.mark.parametrize("order", [1, -1], ids=["number first", "boolean first"])
def test_equal_values_of_different_types_are_kept_apart(order):
    """Python's 1, 1.0 and True are equal; what was found out about one says nothing about the others."""
    texts = ["1", "true", "1.0", "2", "2.0"][::order]
    raised = {text: expect(DESCRIPTION, stream_type(text), Memory()) for text in texts}
    assert [any(q.endswith("StreamType.unsupported") for q in raised[text].questions) for text in texts] == [
        text in ("1", "2") for text in texts
    ]
    assert raised["true"].is_reject


def stream_type(text: str) -> RawRequest:
    row = next(row for row in ROWS if row.allowed == ACCEPT)
    parameters = dict(parameters_of(row)) | {
        "InputParam": f'{{"SingleSubUserParam":{{"UserId":"in","StreamType":{text}}}}}'
    }
    return RawRequest("POST", "/?" + encode_query(parameters.items()))
