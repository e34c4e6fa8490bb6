"""The documents say what is so: links, commands, options, tables and lists are held to the code."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from acs_conformance import __version__, spec_folder
from acs_conformance.cli import cli
from acs_conformance.description import Description, Question
from acs_conformance.faults import catalogue
from acs_conformance.report import schema
from acs_conformance.verdict import ExitCode, Verdict

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "spec/**/*.md", "examples/**/*.md", "tests/**/*.md", "reports/*.md")
    for path in ROOT.glob(pattern)
)
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNNING = (ROOT / "docs/running.md").read_text(encoding="utf-8")
DESCRIPTIONS = spec_folder.load_all()
GATEWAY = spec_folder.load("gateway")
by_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def prose(text: str) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """What a link to a heading of the document says after its #."""
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table whose head begins with a cell."""
    table = re.search(rf"^\| {head} \|.*\n\|[ -|]+\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    assert table, head
    return [[cell.strip().strip("`") for cell in line.strip("|\n").split(" | ")] for line in table[1].splitlines()]


# --- links and names ------------------------------------------------------------------------------------------------


@by_document
def test_every_link_inside_the_repository_leads_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document.read_text(encoding="utf-8"))):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


@by_document
def test_every_file_that_is_named_is_there(document):
    text = document.read_text(encoding="utf-8")
    places = r"(?:\.ci|benchmarks|docs|examples|spec|src|suites|tests)/"
    named = re.findall(rf"`({places}[\w./-]*\w/?)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


# --- commands -------------------------------------------------------------------------------------------------------


def help_of(command: str) -> str:
    result = CliRunner().invoke(cli, [command, "--help"] if command else ["--help"])
    assert result.exit_code == 0
    return result.output


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def our_commands(text: str) -> list[list[str]]:
    """Every line of a document's shell blocks that calls our command, as words."""
    lines = [line for block in blocks(text, "bash") for line in block.replace("\\\n", " ").splitlines()]
    parts = [part for line in lines for part in line.split("&&")]
    found = [shlex.split(part, comments=True) for part in parts]
    return [words[1:] for words in found if words and Path(words[0]).name == "acs-conformance"]


@by_document
def test_every_command_in_a_document_exists_with_its_options_and_names(document):
    for words in our_commands(document.read_text(encoding="utf-8")):
        command, *arguments = words
        known = options_in(help_of(command))
        given = {word.partition("=")[0] for word in arguments if word.startswith("--")}
        assert given <= known, words
        for word in arguments:
            if word.startswith("StartRtc"):
                assert is_selectable(command, word), words


def is_selectable(command: str, name: str) -> bool:
    """Whether an operation, requirement, case or fault of this name exists."""
    if name in DESCRIPTIONS:
        return True
    description = DESCRIPTIONS[name.partition(".")[0]]
    if "!" in name:
        return name in {fault.id for fault in catalogue(description)}
    result = CliRunner().invoke(cli, ["run", "--dry-run", "--only", name])
    return command in ("accept", "run") and result.exit_code == 0 and f"# {name}" in result.output


@pytest.mark.parametrize("text", [README, RUNNING], ids=["README", "running"])
def test_every_option_that_is_named_exists(text):
    known = {option for command in ["", *cli.commands] for option in options_in(help_of(command))}
    plugin = (ROOT / "src/acs_conformance/pytest_plugin.py").read_text(encoding="utf-8")
    known |= set(re.findall(r"addoption\(\s*\"(--acs-[a-z-]+)\"", plugin))
    known |= {"--pyargs"}  # pytest's own
    assert options_in(text) - known == set()


def test_running_md_names_every_option_of_run_and_of_the_plugin():
    plugin = (ROOT / "src/acs_conformance/pytest_plugin.py").read_text(encoding="utf-8")
    wanted = options_in(help_of("run")) | set(re.findall(r"addoption\(\s*\"(--acs-[a-z-]+)\"", plugin))
    missing = {option for option in wanted - options_in(RUNNING) if f"{option} / --no-" not in help_of("run")}
    assert missing == set()


def test_readme_names_every_command():
    assert {name for name in cli.commands if f"acs-conformance {name}" not in README} == set()


@pytest.mark.parametrize("name", ["run", "test"])
def test_readme_marks_the_commands_for_a_fresh_clone(name):
    found = re.search(rf"<!-- command: {name} -->\n\n?```bash\n(.*)\n```", README)
    assert found
    extras = re.findall(r"\.\[([a-z,]+)\]", found[1])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {extra for each in extras for extra in each.split(",")} <= set(project["optional-dependencies"])
    assert f"readme_command {name}" in (ROOT / ".ci/run").read_text(encoding="utf-8")


# --- tables and lists -----------------------------------------------------------------------------------------------


def test_running_md_has_the_exit_codes():
    assert [int(row[0]) for row in rows(RUNNING, "exit code")] == sorted(ExitCode)


def test_how_verdicts_are_reached_has_the_exit_codes_in_the_order_in_which_they_hold():
    text = (ROOT / "docs/how-verdicts-are-reached.md").read_text(encoding="utf-8")
    assert [int(row[0]) for row in rows(text, "exit code")] == [2, 1, 4, 3, 0]


def test_the_command_tells_the_same_exit_codes():
    said = re.findall(r"(?:codes: |; )\s*(\d) ", " ".join(help_of("").split()))
    assert sorted(int(code) for code in said) == sorted(ExitCode)


def test_running_md_has_the_verdicts():
    assert {row[0] for row in rows(RUNNING, "verdict")} == {str(verdict) for verdict in Verdict}


def test_report_md_names_every_member_of_the_report():
    text = (ROOT / "docs/report.md").read_text(encoding="utf-8")
    assert {row[0] for row in rows(text, "member")} == set(schema()["properties"]) - {"$schema"}


def test_spec_readme_names_every_extension():
    text = (ROOT / "spec/README.md").read_text(encoding="utf-8")
    profile = (ROOT / "spec/_common/operation.schema.json").read_text(encoding="utf-8")
    extensions = set(re.findall(r'"(x-[a-z-]+)"', profile))
    assert len(extensions) > 5
    assert {name for name in extensions if f"`{name}" not in text} == set()
    question = json.loads(profile)["$defs"]["question"]["properties"]
    assert {name for name in question if f"`{name}" not in text} == set()


def test_fault_catalogue_names_every_operator():
    text = (ROOT / "docs/fault-catalogue.md").read_text(encoding="utf-8")
    described = (*DESCRIPTIONS.values(), GATEWAY)
    operators = {fault.operator for description in described for fault in catalogue(description)}
    named = {re.escape(name).replace(r"\.\.\.", ".+") for name in re.findall(r"`([a-z0-9.-]+)`", text)}
    assert {name for name in operators if not any(re.fullmatch(pattern, name) for pattern in named)} == set()


def test_architecture_names_every_module():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    source = ROOT / "src/acs_conformance"
    modules = {path.stem for path in source.rglob("*.py")} - {"__init__", "__main__", "case"}
    named = set(re.findall(r"`([a-z0-9_]+)`", text))
    assert modules - named == set()


def test_changelog_has_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(__version__)}\b", text, flags=re.MULTILINE)
    assert "](CHANGELOG.md)" in README


# --- open questions -------------------------------------------------------------------------------------------------


def questions() -> dict[str, tuple[Description, Question]]:
    """Heading -> question: the operations' own by their full id, those that all share once."""
    return {
        description.id(question.key) if question.line else question.key: (description, question)
        for description in DESCRIPTIONS.values()
        for question in description.questions
    }


def sections() -> dict[str, str]:
    text = (ROOT / "docs/open-questions.md").read_text(encoding="utf-8")
    _, *found = re.split(r"^### ", re.sub(r"^## .*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    parts = [section.partition("\n") for section in found]
    assert len({head for head, _, _ in parts}) == len(parts)
    return {head.strip("`"): " ".join(body.split()) for head, _, body in parts}


def test_open_questions_has_every_question_and_no_other():
    assert set(sections()) == set(questions())


@pytest.mark.parametrize("key", questions())
def test_open_questions_has_the_question_its_readings_and_a_reason(key):
    _, question = questions()[key]
    text = sections()[key]
    assert " ".join(question.question.split()) in text
    assert re.findall(r"- `([a-z-]+)`:", text) == [reading.name for reading in question.readings]
    for reading in question.readings:
        line = re.search(rf"- `{reading.name}`:(.*?)(?= - `|Open because)", text)
        assert line
        assert set(re.findall(r"\b[A-Z]\w+[a-z][A-Z]\w+|\bForbidden\b|\bNotFound\b", line[1])) == set(reading.refusals)
    assert re.search(r"Open because: \w.{20,}\.$", text.partition(" Asked in ")[0])


def test_gateway_md_names_every_check_that_is_open():
    text = (ROOT / "docs/gateway.md").read_text(encoding="utf-8")
    wanted = {check.key for check in GATEWAY.checks.by_key.values() if check.expects == "open"}
    assert wanted == set(re.findall(r"^\| `(v[13]\.[A-Za-z.]+)` \|", text, flags=re.MULTILINE))


# --- examples -------------------------------------------------------------------------------------------------------


def test_the_example_of_a_client_team_passes(tmp_path):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "base")],
        cwd=ROOT / "examples/client-team",
        env=environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r"^9 passed in", told.stdout, flags=re.MULTILINE)
