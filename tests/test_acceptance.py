"""`accept`: what it takes from a report, and that it puts a deviation into a file and changes nothing else."""

from __future__ import annotations

import itertools
import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_conformance import acceptance, profile_file, toml_source
from acs_conformance.acceptance import Difference, differences
from acs_conformance.deviation import Failure
from acs_conformance.errors import ProfileError, SelectionError, UsageError
from acs_conformance.profile import load, load_deviations
from acs_conformance.report.failure import Failures
from hostile import sample

TODAY = date(2026, 11, 24)
UNTIL = date(2027, 1, 31)
APP = "StartRtcCloudTranscode.AppId.pattern"
CHANNEL = "StartRtcCloudTranscode.ChannelId.pattern"
DIFFERENCE = Difference((APP,), Failure("accepted", ""))


@pytest.fixture
def report():
    return sample()


def added(source, above, *found, reason="ticket 123", until=UNTIL, today=TODAY):
    return acceptance.accept(source, above, found or [DIFFERENCE], reason=reason, until=until, today=today)


def to_profile(path: Path, name="staging", **more):
    return added(profile_file.read(path), ("targets", name), **more)


# --- what is accepted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        APP,
        "StartRtcCloudTranscode.AppId.pat",
        f"{APP}~070c16",
        f"{APP}~",
        "AppId.pattern",
        "AppId.pat",
        "AppId.pattern~",
    ],
)
def test_a_failure_is_named_by_its_requirement_or_its_finding_or_a_beginning(report, wanted):
    assert differences(report, wanted) == [DIFFERENCE]


def test_a_failure_is_accepted_by_the_name_that_a_run_prints(report):
    known = Failures(report)
    shorts = [known.short(finding) for finding in report["findings"]]
    assert "AppId.pattern" in shorts
    for finding, short in zip(report["findings"], shorts, strict=True):
        if finding["requirement"] in (APP, CHANNEL):
            assert finding["requirement"] in differences(report, short)[0].requirements


def test_no_advice_sends_anything(report):
    report["findings"] = report["findings"][:1]
    for wanted in ("AppId.patern", "x"):
        with pytest.raises(SelectionError) as caught:
            differences(report, wanted)
        assert "replay" not in str(caught.value)
    assert "report.html shows them all" in str(SelectionError("finding", "a", ["aa"]))
    assert "report.html shows them all" in str(SelectionError("finding", "x", map(str, range(13))))


def test_a_beginning_that_fits_several_is_refused_with_their_names(report):
    with pytest.raises(UsageError, match="fits 3 failures") as caught:
        differences(report, "StartRtcCloudTranscode.")
    assert APP in str(caught.value)
    assert CHANNEL in str(caught.value)


@pytest.mark.parametrize("wanted", ["StartRtcCloudTranscode.AppId.patern", "x", ""])
def test_a_name_of_nothing_is_refused_with_close_ones(report, wanted):
    with pytest.raises(SelectionError, match="no finding is called"):
        differences(report, wanted)


def test_what_does_not_fail_can_not_be_accepted(report):
    with pytest.raises(UsageError, match=r"AppId\.required does not fail in this report \(pass\)"):
        differences(report, "StartRtcCloudTranscode.AppId.required")


def test_a_changed_reading_is_no_failure_to_accept(report):
    reading = report["readings"][0]["id"]
    finding = {**report["findings"][0], "id": f"{reading}~changed", "requirement": reading, "requirements": [reading]}
    report["findings"].append(finding)
    with pytest.raises(UsageError, match="--baseline"):
        differences(report, finding["id"])


def entry(cause, answer="", failed=1):
    return {"cause": cause, "answer": answer, "failed": failed, "deviation": None}


def test_one_of_several_causes_has_to_be_chosen(report):
    row = next(r for r in report["requirements"] if r["id"] == APP)
    row["failures"] = [entry("accepted"), entry("answer 500")]
    with pytest.raises(UsageError, match="--cause 'accepted' or --cause 'answer 500'"):
        differences(report, APP)
    assert differences(report, APP, "answer 500") == [Difference((APP,), Failure("answer 500", ""))]
    with pytest.raises(SelectionError, match="no cause is called 'answer'"):
        differences(report, APP, "answer")


def test_a_finding_of_many_requirements_is_accepted_as_a_whole_and_a_requirement_alone(report):
    for row in report["requirements"]:
        if row["id"] in (APP, CHANNEL):
            row["failures"] = [entry("code Nope")]
    finding = {**report["findings"][0], "id": f"{APP}~nope", "requirements": [APP, CHANNEL], "cause": "code Nope"}
    report["findings"] = [finding]
    assert differences(report, finding["id"]) == [Difference((APP, CHANNEL), Failure("code Nope", ""))]
    assert differences(report, CHANNEL) == [Difference((CHANNEL,), Failure("code Nope", ""))]


def test_each_answer_of_a_refusal_is_a_difference_of_its_own(report):
    row = next(r for r in report["requirements"] if r["id"] == APP)
    row["failures"] = [entry("refused", "400 InvalidParameter"), entry("refused", "403 Forbidden")]
    assert [each.failure.answer for each in differences(report, APP)] == ["400 InvalidParameter", "403 Forbidden"]


# --- the file ---------------------------------------------------------------------------------------------------------

PROFILES = """# Our targets.

[targets.staging]   # the first
url = "http://127.0.0.1:8080"  # here
operations = [
  "gateway",  # both
  "StartRtcCloudTranscode",
]
# pace = 5

[targets.staging.bindings]
AppId = "our-app"

# Only for releases.
[targets.release]
url = "http://127.0.0.1:8081"
# The end.
"""

DEVIATION = """[[targets.staging.deviations]]
requirements = ["StartRtcCloudTranscode.AppId.pattern"]
cause = "accepted"
reason = "ticket 123"
until = 2027-01-31
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "acs-conformance.toml"
    path.write_text(PROFILES, encoding="utf-8", newline="")
    return path


def test_it_stands_with_its_target_and_before_the_comment_on_the_next(path):
    (written,) = to_profile(path)
    text = path.read_text()
    assert text == PROFILES.replace("# Only for", f"{DEVIATION}\n# Only for")
    assert written.place == f"{path}:14"
    assert load(str(path) + "#staging", path.parent).deviations == (written,)
    assert load(str(path) + "#release", path.parent).deviations == ()


def test_at_the_end_of_the_file_it_comes_last(path):
    to_profile(path, "release")
    assert path.read_text() == f"{PROFILES}\n{DEVIATION.replace('staging', 'release')}"


def test_a_second_one_follows_the_first(path):
    to_profile(path)
    second = Difference((CHANNEL, APP), Failure("refused", "400 InvalidParameter"))
    (written,) = added(profile_file.read(path), ("targets", "staging"), second, reason='"quoted" \\ back')
    found = load(f"{path}#staging", path.parent).deviations
    assert [each.cause for each in found] == ["accepted", "refused"]
    assert found[1] == written
    assert (written.requirements, written.answer) == ((CHANNEL, APP), "400 InvalidParameter")
    assert written.reason == '"quoted" \\ back'


def test_a_file_of_deviations_is_made_where_there_is_none(tmp_path):
    path = tmp_path / "new" / "deviations.toml"
    (written,) = added(toml_source.parsed(path, ""), ())
    assert path.read_text() == DEVIATION.replace("targets.staging.", "")
    added(profile_file.read_deviations(path), (), Difference((CHANNEL,), Failure("accepted", "")))
    assert path.read_text().count("\n\n") == 1
    assert load_deviations(path)[0] == written
    assert [each.requirements for each in load_deviations(path)] == [(APP,), (CHANNEL,)]


def test_the_line_ends_are_those_of_the_file(path):
    path.write_bytes(PROFILES.replace("\n", "\r\n").rstrip().encode())
    to_profile(path, "release")
    data = path.read_bytes()
    assert data.startswith(PROFILES.replace("\n", "\r\n").encode())
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")


def test_mode_and_link_of_the_file_stay(path, tmp_path):
    path.chmod(0o600)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    to_profile(link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert DEVIATION in path.read_text()


def test_what_is_accepted_already_is_refused_with_its_place_even_expired(path):
    to_profile(path)
    before = path.read_bytes()
    for today in (TODAY, UNTIL + timedelta(days=5)):
        with pytest.raises(UsageError, match=r"acs-conformance\.toml:14: accepts this already, until 2027-01-31"):
            to_profile(path, today=today, until=UNTIL + timedelta(days=9))
    assert path.read_bytes() == before


def test_of_several_requirements_only_the_new_ones_are_added(path):
    to_profile(path)
    both = Difference((APP, CHANNEL), Failure("accepted", ""))
    (written,) = added(profile_file.read(path), ("targets", "staging"), both)
    assert written.requirements == (CHANNEL,)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"until": TODAY - timedelta(days=1)}, "2026-11-23 is in the past; today is 2026-11-24"),
        ({"reason": ""}, "--reason is empty"),
        ({"reason": " \t"}, "--reason is empty"),
        ({"reason": "half a \ud800 pair"}, "not UTF-8"),
        ({"reason": "with aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0"}, "looks like a secret"),
    ],
)
def test_what_can_not_be_is_refused_and_leaves_the_file(path, more, reason):
    with pytest.raises(UsageError, match=reason):
        to_profile(path, **more)
    assert path.read_text() == PROFILES
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_last_day_may_be_today(path):
    (written,) = to_profile(path, until=TODAY)
    assert written.until == TODAY


@pytest.mark.parametrize(
    "text",
    [
        'targets = { staging = { url = "http://127.0.0.1" } }\n',
        '[targets]\nstaging = { url = "http://127.0.0.1" }\n',
        '[targets.staging]\nurl = "http://127.0.0.1"\ndeviations = []\n',
    ],
    ids=["all in one line", "the target in one line", "a list in brackets"],
)
def test_a_file_that_no_table_can_be_added_to_is_left_with_what_to_add_by_hand(path, text):
    path.write_text(text)
    with pytest.raises(ProfileError, match="can't be added to") as caught:
        to_profile(path)
    assert DEVIATION.rstrip() in str(caught.value)
    assert path.read_text() == text


# --- any file, any reason ---------------------------------------------------------------------------------------------

_COMMENTS = st.lists(st.sampled_from(["", "   ", "# a note", "  # [targets.x]", '# url = "'] * 2), max_size=4)
_VALUES = st.sampled_from(
    [
        'signature = "v1"',
        "pace = 5 # slow",
        'operations = [\n  "gateway", # [[x]]\n\n]',
        'may_stay_inconclusive = ["""\n[targets.x]\n# no comment\n"""]',
        "timeouts.answer = 3\ntimeouts.connect = 2",
        "ca_bundle = 'a # b'",
        'proxy = { environment = "PROXY" }',
    ]
)
_ENTRY = 'requirements = ["X"]\ncause = "a"\nreason = """\n[targets.a]\n"""\nuntil = 2027-01-01'


@st.composite
def files(draw):
    """A file of profiles as somebody may write it, with comments anywhere, and tables that stand apart."""
    names = draw(st.lists(st.sampled_from(["a", "staging", "b-2", "c_3"]), min_size=1, unique=True))
    tables = []
    for name in names:
        values = draw(st.lists(_VALUES, max_size=4, unique=True))
        tables.append([f"[targets.{name}]", 'url = "http://127.0.0.1"', *values])
    later = []
    for name in names:
        if draw(st.booleans()):
            later.append([f"[ targets . {name} . bindings ]", 'AppId = "x"'])
        later += [[f"[[targets.{name}.deviations]] # known", _ENTRY]] * draw(st.integers(0, 2))
    lines = []
    for table in tables + draw(st.permutations(later)):
        for line in table:
            lines += [*draw(_COMMENTS), line]
    lines += draw(_COMMENTS)
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))
    return draw(st.sampled_from(names)), text.replace("\n", newline)


_REASONS = st.text(max_size=20).filter(lambda text: text.strip() and "//" not in text and max(text) <= "\ud7ff")


@given(files(), _REASONS)
def test_any_file_gets_the_deviation_and_keeps_every_line(tmp_path_factory, file, reason):
    name, text = file
    path = tmp_path_factory.mktemp("any") / "p.toml"
    path.write_bytes(text.encode())
    before = profile_file.read(path)
    (written,) = to_profile(path, name, reason=reason)
    after = path.read_bytes().decode()
    # Nothing but a block was put in, at one place between two lines.
    whole = text if text.endswith("\n") else text + ("\r\n" if "\r\n" in text else "\n")
    start = next((n for n, (one, other) in enumerate(zip(whole, after, strict=False)) if one != other), len(whole))
    size = len(after) - len(whole)
    assert any(after[:at] + after[at + size :] == whole for at in range(max(0, start - size), start + 1))
    # It is what was asked for, beside all that was there.
    data = tomllib.loads(text)
    table = data["targets"][name]
    table["deviations"] = [
        *table.get("deviations", []),
        {"requirements": [APP], "cause": "accepted", "reason": reason, "until": UNTIL},
    ]
    assert tomllib.loads(after) == data
    found = load(f"{path}#{name}", path.parent).deviations
    assert (found[-1], found[-1].reason) == (written, reason)
    # A comment right above a header still stands there.
    lines, new = text.replace("\r", "").split("\n"), after.replace("\r", "").split("\n")
    above = [(one, two) for one, two in itertools.pairwise(lines) if one.startswith("#") and two[:1] == "["]
    assert all(pair in list(itertools.pairwise(new)) for pair in above)
    # The places of all that was there before are found again.
    source = toml_source.parsed(path, after)
    for key, line in before.lines.items():
        assert new[source.line(key) - 1] == lines[line - 1]
