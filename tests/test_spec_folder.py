"""Descriptions on disk: the shipped ones load and hold together, and a broken one is refused with its place."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import re
import shutil
import textwrap
from dataclasses import dataclass

import pytest
import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator

from acs_conformance import requirement, source, spec_folder, trait
from acs_conformance.errors import DescriptionError, SelectionError
from spec_copies import FOLDER, OPERATION, Copy, copy_to

API = "openapi.yaml"
STATEMENTS = "statements.yaml"
GATEWAY = "rpc.yaml"

SHIPPED = spec_folder.load_all()
by_operation = pytest.mark.parametrize("description", SHIPPED.values(), ids=SHIPPED)


@pytest.fixture
def copy(tmp_path) -> Copy:
    return copy_to(tmp_path)


def document_of(description) -> dict:
    return source.read(spec_folder.folders(spec_folder.shipped_root())[description.operation] / API).data


# --- the shipped ones -----------------------------------------------------------------------------------------------


def test_the_shipped_folder_describes_at_least_one_operation_each_under_its_own_name():
    assert OPERATION in SHIPPED
    assert all(name == description.operation for name, description in SHIPPED.items())


@by_operation
def test_a_shipped_description_is_valid_openapi(description):
    OpenAPIV31SpecValidator(document_of(description)).validate()


@by_operation
def test_schemathesis_takes_a_shipped_description_as_it_is(description):
    schema = schemathesis.openapi.from_dict(document_of(description))
    (operation,) = [result.ok() for result in schema.get_all_operations()]
    assert operation.method.upper() == description.method
    assert {parameter.name for parameter in operation.query} == {node.path for node in description.parameters}


@by_operation
def test_each_requirement_belongs_to_a_statement_and_each_statement_leads_somewhere(description):
    requirement.check_statements(description)
    assert all(r.statements for r in requirement.derive(description))
    for statement in description.statements:
        leads = statement.requirements or statement.questions or statement.untestable or statement.elsewhere
        assert leads, statement.id


@by_operation
def test_ids_are_unique_and_made_of_documented_names_only(description):
    requirements = requirement.derive(description)
    ids = [r.id for r in requirements]
    assert len(set(ids)) == len(ids)
    keys = [question.key for question in description.questions]
    assert len(set(keys)) == len(keys)
    for identifier in (*ids, *(description.id(key) for key in keys)):
        assert identifier.startswith(f"{description.operation}.")
        assert not re.search(r"\[\d|\.\d", identifier), f"{identifier} names a position"
        assert "#" not in identifier


@by_operation
def test_requirements_point_at_the_line_that_states_them(description):
    folder = spec_folder.folders(spec_folder.shipped_root())[description.operation]
    lines = (folder / API).read_text(encoding="utf-8").split("\n")
    for r in requirement.derive(description):
        text = lines[r.line - 1]
        if r.kind != "request":
            assert re.search(r'"\d+":|components|^    \w+:$', text), (r.id, text)
        elif r.keyword == "content" or r.keyword in ("known", "same"):
            assert f"name: {r.path}" in text, (r.id, text)
        elif r.keyword in ("unique", "distinct", "equal"):
            assert f"relation: {r.keyword}" in text, (r.id, text)
        else:
            assert f"{r.keyword}:" in text, (r.id, text)


@by_operation
def test_patterns_in_statements_name_keys_and_brackets_stand_for_themselves(description):
    keys = [r.key for r in requirement.derive(description)]
    for statement in description.statements:
        for pattern in statement.requirements:
            # fnmatch with the brackets taken literally: an independent reading of the same sentence
            literal = pattern.replace("[", "[[]")
            wanted = [key for key in keys if fnmatch.fnmatchcase(key, literal)]
            assert list(requirement.expand([pattern], requirement.derive(description))) == wanted


def test_lines_and_hash_are_those_of_the_file_as_it_stands(copy):
    before = copy.load()
    copy.replace(API, "openapi: 3.1.0\n", "# a remark\nopenapi: 3.1.0\n")
    after = copy.load()
    assert after.sha256 != before.sha256
    assert after.nodes["AppId"].line == before.nodes["AppId"].line + 1
    assert [r.id for r in requirement.derive(after)] == [r.id for r in requirement.derive(before)]


@pytest.mark.parametrize("name", [API, STATEMENTS])
def test_the_hash_changes_with_every_file_of_the_folder(copy, name):
    before = copy.load().sha256
    assert before == copy.load().sha256
    copy.file(name).write_bytes(copy.file(name).read_bytes() + b"# a remark\n")
    assert copy.load().sha256 != before


def test_the_hash_changes_with_what_all_operations_share(copy):
    before = copy.load().sha256
    copy.replace(GATEWAY, "judged-up-to: 8192", "judged-up-to: 4096")
    assert copy.load().sha256 != before


# --- names ----------------------------------------------------------------------------------------------------------


def test_an_unknown_operation_is_refused_with_the_likeliest_one():
    with pytest.raises(SelectionError, match="Did you mean StartRtcCloudTranscode") as caught:
        spec_folder.load("StartRtcCloudTranscod")
    assert caught.value.name == "StartRtcCloudTranscod"
    assert OPERATION in caught.value.known


def test_an_unlike_name_is_refused_with_the_names_there_are():
    with pytest.raises(SelectionError, match=f"Known: .*{OPERATION}"):
        spec_folder.load("zzz")


def test_an_unknown_requirement_is_refused_with_the_likeliest_one():
    with pytest.raises(SelectionError, match=r"Did you mean StartRtcCloudTranscode\.AppId\.pattern"):
        requirement.select(requirement.derive(SHIPPED[OPERATION]), "StartRtcCloudTranscode.AppId.patern")


def test_selecting_a_node_selects_what_is_below_it_and_nothing_beside_it():
    chosen = requirement.select(requirement.derive(SHIPPED[OPERATION]), "StartRtcCloudTranscode.AppId")
    assert {r.path for r in chosen} == {"AppId"}
    chosen = requirement.select(requirement.derive(SHIPPED[OPERATION]), "*.OutputParams[].UserId.*")
    assert {r.path for r in chosen} == {"OutputParams[].UserId"}


def test_a_root_that_is_no_folder_is_refused(tmp_path):
    with pytest.raises(DescriptionError, match="nowhere: is not a folder"):
        spec_folder.load(OPERATION, tmp_path / "nowhere")


def test_two_folders_for_one_operation_are_refused(copy):
    other = copy.root / "live" / "2017-01-01" / OPERATION
    shutil.copytree(copy.folder, other)
    with pytest.raises(DescriptionError, match=f"describes {OPERATION}, as .* does"):
        copy.load()


def test_a_folder_without_a_common_one_uses_the_shipped_one(copy):
    shutil.rmtree(copy.root / "_common")
    assert copy.load().gateway == SHIPPED[OPERATION].gateway


# --- broken ones ----------------------------------------------------------------------------------------------------

PARAMETERS = "/paths/~1/post/parameters"
RELATIONS = "/paths/~1/post/x-relations"
QUESTIONS = "/paths/~1/post/x-open-questions"
RESPONSES = "/paths/~1/post/responses"
JSON = "content/application~1json/schema"

APP_ID = """            pattern: ^[A-Za-z0-9_-]*$
            minLength: 1
            maxLength: 64
            examples: [acs-conformance-app]
"""
ELSEWHERE = """        - id: OutputParams[].ChannelId.unsupported
          question: Is an output to another channel refused, or taken without effect?
          breaks: OutputParams[].ChannelId.equal
          may-differ: true
          readings: { no-effect: accept, refused: { refuse: [InvalidParameter] } }
"""
IDLE_TIME = """          schema:
            type: integer
            minimum: 10
            maximum: 14400
            default: 300
            examples: ["""


@dataclass(frozen=True)
class Broken:
    """One way to break a description, and what is said of it."""

    id: str
    old: str
    new: str
    #: A regular expression that is found in the reason.
    reason: str
    #: Text of the line that is named, first below a line that contains `after`; None where the file as a whole is.
    at: str | None
    after: str = ""
    pointer: str = ""
    file: str = API


UNREADABLE = [
    Broken("not-utf-8", "Creates a cloud", "Cr\udce9ates a cloud", "is not UTF-8", None),
    Broken("not-utf-8-statements", "The operation", "Th\udcff operation", "is not UTF-8", None, file=STATEMENTS),
    Broken("not-utf-8-gateway", "What all", "Wh\udcff all", "is not UTF-8", None, file=GATEWAY),
    Broken("control-character", "Creates a cloud", "Cre\x00ates a cloud", "is not valid YAML", "Cre\x00ates"),
    Broken("unclosed", "title: Apsara", "title: [Apsara", "is not valid YAML", "version:"),
    Broken("tab", "  title: Apsara", "\ttitle: Apsara", "is not valid YAML", "title: Apsara"),
    Broken("unknown-alias", "tags: [live]", "tags: [*nothing]", "undefined alias", "*nothing"),
    Broken("two-documents", "components:\n", "---\ncomponents:\n", "another document", "---"),
    Broken(
        "duplicate-key",
        "      tags: [live]\n",
        "      tags: [live]\n      tags: [again]\n",
        "duplicate key .tags.",
        "tags: [again]",
    ),
    Broken(
        "duplicate-key-statements", "    row: Title\n", "    row: Title\n    row: A\n", "row", "row: A", file=STATEMENTS
    ),
    Broken("duplicate-key-gateway", "gateway: rpc\n", "gateway: rpc\ngateway: x\n", "duplicate", "x", file=GATEWAY),
    Broken(
        "duplicate-key-of-two-types",
        '        "500":\n',
        '        500: { description: number }\n        "500":\n',
        "duplicate|quote",
        "",
        after="description: Something that",
    ),
    Broken(
        "unquoted-date",
        'version: "2016-11-01"',
        "version: 2016-11-01",
        "date; quote it",
        "version:",
        pointer="/info/version",
    ),
    Broken(
        "unquoted-date-statements",
        'updated: "2026-01-27"',
        "updated: 2026-01-27",
        "date; quote it",
        "updated:",
        pointer="/page/updated",
        file=STATEMENTS,
    ),
    Broken(
        "binary",
        "tags: [live]",
        "tags: [!!binary aGk=]",
        "bytes",
        "!!binary",
        pointer="/paths/~1/post/tags/0",
    ),
    Broken("set", "tags: [live]", "tags: !!set {live}", "", "!!set", pointer="/paths/~1/post/tags"),
    Broken("tag", "tags: [live]", "tags: !of-ours live", "", "!of-ours", pointer="/paths/~1/post/tags"),
    Broken("python-tag", "tags: [live]", "tags: !!python/object:os.system [live]", "", "!!python"),
    Broken("merge-key", "      tags: [live]\n", "      <<: { tags: [live] }\n", "", "<<"),
    Broken("alias", "tags: [live]", "tags: [&a live, *a]", "is an alias", "&a live", pointer="/paths/~1/post/tags/1"),
    Broken("alias-of-itself", "tags: [live]", "tags: &a [*a]", "is an alias", "&a [", pointer="/paths/~1/post/tags/0"),
    Broken("half-a-character", "tags: [live]", 'tags: ["\\ud800"]', "no str", "ud800", pointer="/paths/~1/post/tags/0"),
    Broken("beyond-unicode", "tags: [live]", 'tags: ["\\UFFFFFFFF"]', "is not valid YAML", None),
    Broken(
        "infinity",
        "minimum: 10\n",
        "minimum: -.inf\n",
        "no float of JSON",
        "-.inf",
        pointer=f"{PARAMETERS}/4/schema/minimum",
    ),
    Broken("key-of-two-lines", "tags: [live]", 'tags: [{"a\\nb": 1}]', "can't be printed", "a\\nb"),
    Broken("too-deep", "tags: [live]", f"tags: {'[' * 400}{']' * 400}", "deep|nest", "tags: [["),
]

MISSHAPEN = [
    Broken(
        "unknown-keyword",
        "            maxLength: 64\n",
        "            maxLenght: 64\n",
        "maxLenght",
        "schema:",
        after="The application that owns",
        pointer=f"{PARAMETERS}/0/schema",
    ),
    Broken(
        "keyword-that-nobody-evaluates",
        "minimum: 10\n",
        "exclusiveMinimum: 10\n",
        "exclusiveMinimum",
        "schema:",
        after="name: MaxIdleTime",
        pointer=f"{PARAMETERS}/4/schema",
    ),
    Broken(
        "alternatives-in-a-request",
        "            type: integer\n            minimum: 10\n",
        "            type: integer\n            oneOf: [{ type: integer }]\n            minimum: 10\n",
        "oneOf",
        "oneOf",
        after="name: MaxIdleTime",
        pointer=f"{PARAMETERS}/4/schema/oneOf",
    ),
    Broken("no-operation", "    post:\n", "    put:\n", "put", "/:", pointer="/paths/~1"),
    Broken("no-success", '"200":', '"201":', "200", "responses:", pointer=RESPONSES),
    Broken("two-paths", "paths:\n", "paths:\n  /more: {}\n", "", "paths:", pointer="/paths"),
    Broken(
        "not-a-query-parameter",
        "- name: MaxIdleTime\n          in: query",
        "- name: MaxIdleTime\n          in: header",
        "query",
        "in: header",
        pointer=f"{PARAMETERS}/4/in",
    ),
    Broken(
        "a-word-for-true",
        "required: true",
        "required: yes",
        "yes",
        "required: yes",
        pointer=f"{PARAMETERS}/0/required",
    ),
    Broken("a-version-that-is-no-3.1", "openapi: 3.1.0", "openapi: 3.0.3", "3.0.3", "openapi:", pointer="/openapi"),
    Broken("a-list-of-statements-alone", "page:\n", "pages:\n", "page", None, file=STATEMENTS),
]

NAMES = [
    Broken(
        "operation-and-folder-differ",
        "operationId: StartRtcCloudTranscode",
        "operationId: StopRtcCloudTranscode",
        "is 'StopRtcCloudTranscode', but the folder is 'StartRtcCloudTranscode'",
        "operationId",
        pointer="/paths/~1/post/operationId",
    ),
    Broken(
        "version-and-folder-differ",
        'version: "2016-11-01"',
        'version: "2016-11-02"',
        "2016-11-01",
        "version:",
        pointer="/info/version",
    ),
    Broken(
        "reference-to-nothing",
        '                  RequestId:\n                    $ref: "#/components/schemas/RequestId"',
        '                  RequestId:\n                    $ref: "#/components/schemas/RequestNo"',
        "#/components/schemas/RequestNo, which does not exist",
        "RequestNo",
        pointer=f"{RESPONSES}/200/{JSON}/properties/RequestId/$ref",
    ),
    Broken(
        "error-row-that-does-not-exist",
        '- $ref: "#/components/schemas/InvalidParameter"',
        '- $ref: "#/components/schemas/InvalidParam"',
        "InvalidParam, which does not exist",
        "schemas/InvalidParam",
        pointer=f"{RESPONSES}/400/{JSON}/oneOf/0/$ref",
    ),
    Broken(
        "reference-to-itself",
        "    Message:\n      type: string\n",
        '    Message:\n      $ref: "#/components/schemas/Message"\n',
        "itself by way of Message -> Message",
        "$ref",
        after="    Message:",
        pointer="/components/schemas/Message/$ref",
    ),
    Broken(
        "references-in-a-circle",
        "    Message:\n      type: string\n",
        '    Loop: { $ref: "#/components/schemas/Message" }\n    Message:\n      $ref: "#/components/schemas/Loop"\n',
        "itself by way of Message -> Loop -> Message",
        "Loop: {",
        pointer="/components/schemas/Loop/$ref",
    ),
    Broken(
        "circle-by-way-of-a-member",
        "    Message:\n      type: string\n",
        "    Message:\n      type: object\n      properties:\n"
        '        inner: { $ref: "#/components/schemas/Message" }\n',
        "itself",
        "inner:",
        pointer="/components/schemas/Message/properties/inner/$ref",
    ),
    Broken(
        "refusal-by-no-row",
        "absent: [MissingParameter]",
        "absent: [MissingParamter]",
        "Did you mean MissingParameter",
        "absent:",
        pointer="/paths/~1/post/x-refusals/absent/0",
    ),
    Broken(
        "world-by-no-row",
        "missing: [NotFound]",
        "missing: [NotFond]",
        "Did you mean NotFound",
        "missing:",
        pointer="/paths/~1/post/x-world/missing/0",
    ),
    Broken(
        "reading-by-no-row",
        "taken: accept, refused: { refuse: [InvalidParameter, Forbidden] }",
        "taken: accept, refused: { refuse: [InvalidParameter, Forbiden] }",
        "Did you mean Forbidden",
        "Forbiden",
        pointer=f"{QUESTIONS}/4/readings/refused",
    ),
    Broken(
        "relation-of-nothing",
        "of: OutputParams[].UserId\n",
        "of: OutputParams[].UserID\n",
        r"Did you mean OutputParams\[\]\.UserId",
        "UserID",
        pointer=f"{RELATIONS}/0/of",
    ),
    Broken(
        "relation-within-nothing",
        "within: ChannelId",
        "within: ChanelId",
        "Did you mean ChannelId",
        "ChanelId",
        pointer=f"{RELATIONS}/0/within",
    ),
    Broken(
        "relation-from-nothing",
        "from: InputParam.SingleSubUserParam.UserId",
        "from: InputParam.SingleSubUserParam.UserID",
        "Did you mean InputParam.SingleSubUserParam.UserId",
        "UserID",
        pointer=f"{RELATIONS}/1/from",
    ),
    Broken(
        "relation-to-nothing",
        "          to: ChannelId\n",
        "          to: ChanelId\n",
        "Did you mean ChannelId",
        "to: ChanelId",
        pointer=f"{RELATIONS}/2/to",
    ),
    Broken(
        "relation-to-many",
        "          to: ChannelId\n",
        "          to: OutputParams[].UserId\n",
        "not one value",
        "to: Out",
        pointer=f"{RELATIONS}/2/to",
    ),
    Broken(
        "relation-by-no-word",
        "relation: distinct",
        "relation: differs",
        "differs",
        "relation: differs",
        pointer=f"{RELATIONS}/1/relation",
    ),
    Broken(
        "relation-that-lacks-its-other-side",
        "          from: InputParam.SingleSubUserParam.UserId\n",
        "",
        "from",
        "relation: distinct",
        pointer=f"{RELATIONS}/1",
    ),
    Broken(
        "question-at-nothing",
        "at: InputParam.SingleSubUserParam.StreamType",
        "at: InputParam.SingleSubUserParam.StreamTyp",
        "Did you mean InputParam.SingleSubUserParam.StreamType",
        "at: InputParam.SingleSubUserParam.StreamTyp",
        pointer=f"{QUESTIONS}/0/at",
    ),
    Broken(
        "question-about-no-relation",
        "breaks: OutputParams[].ChannelId.equal",
        "breaks: OutputParams[].ChannelId.same",
        r"no relation OutputParams\[\].ChannelId.same",
        "breaks:",
        pointer=f"{QUESTIONS}/2/breaks",
    ),
    Broken(
        "question-about-a-relation-that-is-decided",
        "breaks: OutputParams[].ChannelId.equal",
        "breaks: OutputParams[].UserId.unique",
        r"no relation OutputParams\[\].UserId.unique",
        "breaks:",
        pointer=f"{QUESTIONS}/2/breaks",
    ),
    Broken("open-relation-without-a-question", ELSEWHERE, "", "names no question", "relation: equal"),
    Broken(
        "question-twice",
        "- id: InputParam.SingleSubUserParam.SourceType.unsupported",
        "- id: InputParam.SingleSubUserParam.StreamType.unsupported",
        "repeats the question",
        "StreamType.unsupported",
        after="probes: [1, 2]",
        pointer=f"{QUESTIONS}/1/id",
    ),
    Broken(
        "question-with-one-reading",
        "readings: { no-effect: accept, refused: { refuse: [InvalidParameter] } }",
        "readings: { no-effect: accept }",
        "",
        "readings: { no-effect: accept }",
        pointer=f"{QUESTIONS}/0/readings",
    ),
    Broken(
        "parameter-twice",
        "- name: ChannelId\n",
        "- name: AppId\n",
        "repeats the parameter AppId",
        "- name: AppId",
        after="description: The application that",
        pointer=f"{PARAMETERS}/1/name",
    ),
    Broken(
        "required-member-without-a-schema",
        "required: [SingleSubUserParam]",
        "required: [SingleSubUserParams]",
        "requires SingleSubUserParams, which has no schema",
        "SingleSubUserParams",
        pointer=f"{PARAMETERS}/2/{JSON}/required/0",
    ),
    Broken(
        "required-member-of-the-answer-without-a-schema",
        "required: [RequestId, TaskId]",
        "required: [RequestId, JobId]",
        "JobId",
        "JobId",
        pointer=f"{RESPONSES}/200/{JSON}/required/1",
    ),
    Broken(
        "created-thing-without-an-id",
        "id: TaskId\n",
        "id: JobId\n",
        "JobId is not in the success body",
        "id: JobId",
        pointer="/paths/~1/post/x-creates/id",
    ),
    Broken(
        "short-lived-by-nothing",
        "          MaxIdleTime: 10\n",
        "          IdleTime: 10\n",
        "Did you mean MaxIdleTime",
        "          IdleTime",
        pointer="/paths/~1/post/x-creates/short-lived/IdleTime",
    ),
    Broken(
        "derived-from-nothing",
        "appid: { copy: AppId }",
        "appid: { copy: AppID }",
        "Did you mean AppId",
        "AppID",
        pointer=f"{PARAMETERS}/3/{JSON}/items/properties/UserToken/x-derived/base64-json/appid/copy",
    ),
    Broken(
        "derived-by-no-word",
        "appid: { copy: AppId }",
        "appid: { paste: AppId }",
        "paste",
        "paste",
        pointer=f"{PARAMETERS}/3/{JSON}/items/properties/UserToken/x-derived/base64-json/appid",
    ),
]

CONTRADICTIONS = [
    Broken(
        "constant-in-a-request",
        "minimum: 10\n",
        "minimum: 10\n            const: 10\n",
        "const is not checked in a request",
        "const: 10",
        pointer=f"{PARAMETERS}/4/schema/const",
    ),
    Broken(
        "keyword-of-an-answer-that-nobody-evaluates",
        "description: The id of the job.\n                    minLength: 1\n",
        "description: The id of the job.\n                    default: x\n",
        "default is not checked in an answer",
        "default: x",
        after="The id of the job",
        pointer=f"{RESPONSES}/200/{JSON}/properties/TaskId/default",
    ),
    Broken(
        "relation-between-two-types",
        "from: InputParam.SingleSubUserParam.UserId",
        "from: MaxIdleTime",
        "of type integer",
        "from: MaxIdleTime",
        pointer=f"{RELATIONS}/1/from",
    ),
    Broken(
        "relation-twice",
        "          open: OutputParams[].ChannelId.unsupported\n",
        "          open: OutputParams[].ChannelId.unsupported\n"
        "        - { relation: unique, of: 'OutputParams[].UserId' }\n",
        r"repeats the relation OutputParams\[\].UserId.unique",
        "- { relation: unique",
        pointer=f"{RELATIONS}/3",
    ),
    Broken(
        "scope-that-is-no-parameter",
        "within: ChannelId",
        "within: InputParam",
        "no parameter that is a text",
        "within:",
        pointer=f"{RELATIONS}/0/within",
    ),
    Broken(
        "error-rows-of-two-forms",
        "    Forbidden:\n      type: object\n      required: [RequestId, Code, Message]\n",
        "    Forbidden:\n      type: object\n      required: [RequestId, Code]\n",
        "differs from InvalidParameter",
        "    Forbidden:",
        pointer="/components/schemas/Forbidden",
    ),
    Broken(
        "error-row-by-another-code",
        "const: Forbidden",
        "const: Forbiden",
        "does not allow the code Forbidden",
        "const: Forbiden",
        pointer="/components/schemas/Forbidden/properties/Code",
    ),
    Broken(
        "error-row-without-a-code-to-tell-it-by",
        "Code: { type: string, const: Forbidden }",
        "Code: { type: string, enum: [Forbidden] }",
        "no answer is told by it",
        "enum: [Forbidden]",
        pointer="/components/schemas/Forbidden/properties/Code",
    ),
    Broken(
        "question-by-a-keyword-that-nobody-evaluates",
        "matches: { const: 1 }",
        "matches: { not: { cnst: 1 } }",
        "cnst",
        "cnst",
        pointer=f"{QUESTIONS}/1/matches",
    ),
    Broken(
        "question-unless-derived-about-a-plain-value",
        "matches: { const: 1 }\n",
        "matches: { const: 1 }\n          unless-derived: true\n",
        "has no x-derived",
        "unless-derived: true",
        pointer=f"{QUESTIONS}/1/unless-derived",
    ),
    Broken(
        "error-row-without-Code",
        "        Code: { type: string, const: Forbidden }\n",
        "",
        "has no property Code",
        "    Forbidden:",
        pointer="/components/schemas/Forbidden",
    ),
    Broken(
        "error-row-without-Message",
        '        Message: { $ref: "#/components/schemas/Message" }\n    MissingParameter',
        "    MissingParameter",
        "has no property Message",
        "    InvalidParameter:",
        pointer="/components/schemas/InvalidParameter",
    ),
    Broken(
        "error-row-twice",
        '                $ref: "#/components/schemas/NotFound"',
        '                $ref: "#/components/schemas/Forbidden"',
        "repeats the error row Forbidden",
        "schema:",
        after='"404":',
        pointer=f"{RESPONSES}/404/{JSON}",
    ),
    Broken(
        "error-row-without-a-name",
        '              schema:\n                $ref: "#/components/schemas/NotFound"',
        "              schema:\n                type: object",
        "is no reference",
        "schema:",
        after='"404":',
        pointer=f"{RESPONSES}/404/{JSON}",
    ),
    Broken(
        "member-of-an-answer-without-a-type",
        "Code: { type: string, const: Forbidden }",
        "Code: { const: Forbidden }",
        "type",
        "Code: { const",
        pointer="/components/schemas/Forbidden/properties/Code",
    ),
    Broken(
        "answer-pattern-that-is-none",
        "pattern: ^InvalidParameter.*$",
        "pattern: ^InvalidParameter(.*$",
        "no regular expression",
        "^InvalidParameter(",
        pointer="/components/schemas/InvalidParameter/properties/Code/pattern",
    ),
    Broken(
        "minimum-above-maximum",
        "minimum: 10\n",
        "minimum: 14401\n",
        "is 14401, above maximum 14400",
        "minimum: 14401",
        pointer=f"{PARAMETERS}/4/schema/minimum",
    ),
    Broken(
        "minLength-above-maxLength",
        "minLength: 1\n",
        "minLength: 65\n",
        "is 65, above maxLength 64",
        "minLength: 65",
        pointer=f"{PARAMETERS}/0/schema/minLength",
    ),
    Broken(
        "minItems-above-maxItems",
        "minItems: 1\n",
        "minItems: 3\n                maxItems: 2\n",
        "is 3, above maxItems 2",
        "minItems: 3",
        pointer=f"{PARAMETERS}/3/{JSON}/minItems",
    ),
    Broken(
        "pattern-that-is-none",
        APP_ID,
        APP_ID.replace("_-]*", "_-*"),
        "is no regular expression",
        "_-*$",
        pointer=f"{PARAMETERS}/0/schema/pattern",
    ),
    Broken(
        "pattern-without-anchors",
        APP_ID,
        APP_ID.replace("^[A-Za-z0-9_-]*$", '"[A-Za-z0-9_-]*"'),
        "A-Za-z0-9",
        "pattern:",
        pointer=f"{PARAMETERS}/0/schema/pattern",
    ),
    Broken(
        "example-breaks-the-schema",
        "[acs-conformance-app]",
        "[acs conformance]",
        '"acs conformance" breaks',
        "acs conformance]",
        pointer=f"{PARAMETERS}/0/schema/examples",
    ),
    Broken(
        "example-with-a-trailing-newline",
        "[acs-conformance-app]",
        '["acs\\n"]',
        "breaks the node's own schema",
        '["acs',
        pointer=f"{PARAMETERS}/0/schema/examples",
    ),
    Broken(
        "example-that-is-no-integer-on-the-wire",
        "default: 300\n            examples: [",
        "default: 300\n            examples: [10.0, ",
        "10.0 breaks",
        "[10.0, ",
        pointer=f"{PARAMETERS}/4/schema/examples",
    ),
    Broken(
        "example-outside-the-enumeration",
        "examples: [lld]",
        "examples: [LLD]",
        '"LLD" breaks',
        "[LLD]",
        pointer=f"{PARAMETERS}/3/{JSON}/items/properties/TranscodeTemplate/examples",
    ),
    Broken(
        "default-breaks-the-schema",
        "default: 300",
        "default: 9",
        "9 breaks the node's own schema",
        "default: 9",
        pointer=f"{PARAMETERS}/4/schema/default",
    ),
    Broken(
        "default-of-another-type",
        "default: 300",
        'default: "300"',
        '"300" breaks the node',
        "default:",
        after="name: MaxIdleTime",
        pointer=f"{PARAMETERS}/4/schema/default",
    ),
    Broken(
        "enumeration-breaks-the-schema",
        "[alimcopy, lld, lsd, lhd, lud]",
        "[alimcopy, lld, lsd, lhd, 5]",
        "5 breaks the node's own schema",
        "lhd, 5]",
        pointer=f"{PARAMETERS}/3/{JSON}/items/properties/TranscodeTemplate/enum",
    ),
    Broken(
        "no-examples",
        "            examples: [acs-conformance-app]\n",
        "",
        "has no examples",
        "schema:",
        after="The application that owns",
        pointer=f"{PARAMETERS}/0/schema",
    ),
    Broken(
        "no-type",
        IDLE_TIME,
        IDLE_TIME.replace("            type: integer\n", ""),
        "has no type",
        "schema:",
        after="name: MaxIdleTime",
        pointer=f"{PARAMETERS}/4/schema",
    ),
    Broken(
        "keyword-of-another-type",
        "            minimum: 10\n",
        "            minLength: 1\n            minimum: 10\n",
        "says nothing about a value of type integer",
        "minLength",
        after="name: MaxIdleTime",
        pointer=f"{PARAMETERS}/4/schema/minLength",
    ),
    Broken(
        "object-in-plain-text",
        "          content:\n            application/json:\n              schema:\n                type: object\n",
        "          schema:\n                type: object\n",
        "objects and arrays are `content: application/json`",
        "schema:",
        after="name: InputParam",
        pointer=f"{PARAMETERS}/2/schema",
    ),
    Broken(
        "number-as-json-text",
        IDLE_TIME,
        "          content: { application/json: { schema: { type: integer, examples: [10] } } }  # ",
        "is of type integer",
        "schema: { type: integer",
        pointer=f"{PARAMETERS}/4/{JSON}",
    ),
    Broken(
        "name-of-something-that-is-no-text",
        "default: 300\n",
        "default: 300\n            x-identifier: run\n",
        "x-identifier|text|string",
        "x-identifier: run",
        after="name: MaxIdleTime",
        pointer=f"{PARAMETERS}/4/schema/x-identifier",
    ),
    Broken(
        "short-lived-value-breaks-the-schema",
        "          MaxIdleTime: 10\n",
        "          MaxIdleTime: 9\n",
        "9 breaks",
        "          MaxIdleTime: 9",
        pointer="/paths/~1/post/x-creates/short-lived/MaxIdleTime",
    ),
    Broken(
        "question-about-values-by-no-schema",
        "matches: { enum: [1, 2] }",
        "matches: { enum: 5 }",
        "",
        "matches: { enum: 5 }",
        pointer=f"{QUESTIONS}/0/matches",
    ),
    Broken(
        "question-about-values-by-no-type",
        "matches: { const: 1 }",
        "matches: { type: whole }",
        "whole",
        "matches: { type: whole }",
        pointer=f"{QUESTIONS}/1/matches",
    ),
    Broken(
        "probe-that-is-not-in-question",
        "probes: [1, 2]",
        "probes: [1, 0]",
        "0",
        "probes: [1, 0]",
        pointer=f"{QUESTIONS}/0/probes",
    ),
    Broken(
        "probe-that-is-no-number-of-items",
        "matches: { minItems: 6 }\n          probes: [",
        "matches: { minItems: 6 }\n          probes: [thirty, ",
        "thirty",
        "probes: [thirty",
        pointer=f"{QUESTIONS}/6/probes",
    ),
]

CLAIMS = [
    Broken(
        "claim-by-an-unknown-requirement",
        "requirements: [AppId.pattern]",
        "requirements: [AppId.patern]",
        "app-id-characters: no requirement is called 'AppId.patern'. Did you mean AppId.pattern",
        "id: app-id-characters",
        file=STATEMENTS,
    ),
    Broken(
        "claim-by-a-pattern-that-fits-nothing",
        '"InputParam.SingleSubUserParam.UserId.*"',
        '"InputParam.SingleSubUserParam.UserID.*"',
        "input-user-id: no requirement is called",
        "id: input-user-id",
        file=STATEMENTS,
    ),
    Broken(
        "claim-by-an-unknown-question",
        "questions: [wire.in-use]",
        "questions: [wire.inuse]",
        "output-user-id-unique: no open question is called 'wire.inuse'. Did you mean wire.in-use",
        "id: output-user-id-unique",
        file=STATEMENTS,
    ),
    Broken(
        "claim-by-nothing",
        "    requirements: [AppId.pattern]\n",
        "",
        "app-id-characters.*any of",
        "id: app-id-characters",
        pointer="/statements/5",
        file=STATEMENTS,
    ),
    Broken(
        "claim-without-a-text",
        "    text: AppId has at most 64 characters.\n",
        "",
        "text",
        "id: app-id-length",
        pointer="/statements/6",
        file=STATEMENTS,
    ),
    Broken(
        "statement-twice",
        "id: app-id-length",
        "id: app-id-characters",
        "repeats the statement app-id-characters",
        "id: app-id-characters",
        after="text: AppId consists of",
        pointer="/statements/6/id",
        file=STATEMENTS,
    ),
]

GATEWAYS = [
    Broken("gateway-without-a-name", "gateway: rpc\n", "", "gateway", None, file=GATEWAY),
    Broken("trait-that-is-no-word", "trait: in-use", "trait: inuse", "inuse", "trait: inuse", file=GATEWAY),
    Broken(
        "effect-that-is-no-word",
        "readings: { refused: refuse, absent: absent }",
        "readings: { refused: refuse, absent: nothing }",
        "nothing",
        "absent: nothing",
        file=GATEWAY,
    ),
    Broken(
        "codes-that-are-no-list",
        'codes: [Throttling, "Throttling.*"]',
        "codes: Throttling",
        "",
        "codes: Throttling",
        file=GATEWAY,
    ),
]


@pytest.mark.parametrize(
    "broken",
    [*UNREADABLE, *MISSHAPEN, *NAMES, *CONTRADICTIONS, *CLAIMS, *GATEWAYS],
    ids=lambda broken: broken.id,
)
def test_a_broken_description_is_refused_with_file_line_pointer_and_reason(copy, broken):
    copy.replace(broken.file, broken.old, broken.new)
    with pytest.raises(DescriptionError) as caught:
        copy.load()
    error = caught.value
    assert error.file.endswith(copy.file(broken.file).relative_to(copy.root).as_posix())
    assert re.search(broken.reason, error.reason), error.reason
    if broken.at is None:
        assert error.line in (0, 1)
    elif broken.id != "duplicate-key-of-two-types":
        assert error.line == copy.line_of(broken.file, broken.at, after=broken.after)
    if broken.pointer:
        assert error.pointer == broken.pointer
    assert "\n" not in str(error), "a message is one line"


@pytest.mark.parametrize("broken", [CLAIMS[0], NAMES[0], UNREADABLE[0]], ids=lambda broken: broken.id)
def test_the_file_is_named_as_it_was_opened(copy, broken):
    copy.replace(broken.file, broken.old, broken.new)
    with pytest.raises(DescriptionError) as caught:
        copy.load()
    assert caught.value.file == str(copy.file(broken.file))


def test_the_message_begins_with_file_and_line_as_editors_take_it(copy):
    copy.replace(API, "default: 300", "default: 9")
    with pytest.raises(DescriptionError) as caught:
        copy.load()
    line = copy.line_of(API, "default: 9")
    assert str(caught.value).startswith(f"{copy.file(API)}:{line}: at {PARAMETERS}/4/schema/default: 9 breaks")


@pytest.mark.parametrize("text", ["", "- a\n", "a\n", "5\n", "{}\n", "null\n"], ids=repr)
@pytest.mark.parametrize("name", [API, STATEMENTS, GATEWAY])
def test_a_file_that_is_no_document_at_all_is_refused(copy, name, text):
    copy.file(name).write_text(text, encoding="utf-8")
    with pytest.raises(DescriptionError) as caught:
        copy.load()
    assert caught.value.file == str(copy.file(name))


@pytest.mark.parametrize("name", [STATEMENTS, GATEWAY])
def test_a_missing_file_is_refused(copy, name):
    copy.file(name).unlink()
    with pytest.raises(DescriptionError, match="can't be read: No such file") as caught:
        copy.load()
    assert (caught.value.file, caught.value.line) == (str(copy.file(name)), 0)


def test_a_folder_in_place_of_a_file_is_refused(copy):
    copy.file(STATEMENTS).unlink()
    copy.file(STATEMENTS).mkdir()
    with pytest.raises(DescriptionError, match="can't be read"):
        copy.load()


def test_a_folder_without_its_main_file_is_no_operation(copy):
    copy.file(API).unlink()
    with pytest.raises(SelectionError, match=f"no operation is called '{OPERATION}'"):
        copy.load()


# --- statements against requirements --------------------------------------------------------------------------------


def test_a_requirement_that_no_statement_claims_is_refused_at_the_line_that_states_it(copy):
    copy.replace(STATEMENTS, "requirements: [AppId.pattern]", "requirements: [AppId.type]")
    with pytest.raises(DescriptionError, match=r"no statement claims AppId\.pattern") as caught:
        copy.load()
    assert caught.value.file.endswith(API)
    assert caught.value.line == copy.line_of(API, "pattern:", after="name: AppId")


def test_a_question_that_no_statement_leaves_open_is_refused_at_its_line(copy):
    copy.replace(STATEMENTS, "    questions: [OutputParams.many]\n", "")
    with pytest.raises(DescriptionError, match=r"no statement leaves OutputParams\.many open") as caught:
        copy.load()
    assert caught.value.line == copy.line_of(API, "id: OutputParams.many")


def test_a_question_of_the_gateway_needs_no_statement(copy):
    copy.replace(STATEMENTS, "wire.null-optional, wire.big-number]", "wire.null-optional]")
    copy.load()


def test_a_new_keyword_is_a_new_requirement_that_needs_a_statement(copy):
    copy.replace(API, "                minItems: 1\n", "                minItems: 1\n                maxItems: 30\n")
    with pytest.raises(DescriptionError, match=r"no statement claims OutputParams\.maxItems"):
        copy.load()


@pytest.mark.parametrize("keyword", ["maxLength: 36", 'const: "5"', "enum: [a, b]", 'pattern: "^[a-z]*$"'])
def test_a_keyword_of_an_answer_is_refused_or_becomes_a_requirement(copy, keyword):
    """What no requirement states is a sentence that nobody checks."""
    member = "                    description: The id of the job.\n"
    copy.replace(API, member, f"{member}                    {keyword}\n")
    description = None
    with contextlib.suppress(DescriptionError):
        description = copy.load()
    if description is not None:
        keys = [r.key for r in requirement.derive(description)]
        assert f"response.TaskId.{keyword.partition(':')[0]}" in keys


def test_the_words_of_the_shared_traits_are_those_that_the_engine_knows():
    schema = json.loads((spec_folder.shipped_root() / "_common" / "rpc.schema.json").read_text(encoding="utf-8"))
    assert set(schema["$defs"]["trait"]["enum"]) == set(trait.WORDS) - {"schema", "relation", "ended"}


def test_a_member_of_a_request_may_be_a_reference(copy):
    id_time = "              schema:\n                type: object\n                required: [SingleSubUserParam]\n"
    copy.replace(API, id_time, f"{id_time}                description: Words beside it.\n")
    before = copy.load()
    text = copy.file(API).read_text(encoding="utf-8")
    start = text.index("                  SingleSubUserParam:\n") + len("                  SingleSubUserParam:\n")
    end = text.index("        - name: OutputParams\n")
    body = text[start:end]
    moved = f"    User:\n{textwrap.indent(textwrap.dedent(body), '      ')}"
    text = f'{text[:start]}                    $ref: "#/components/schemas/User"\n{text[end:]}'.rstrip("\n")
    copy.file(API).write_text(f"{text}\n{moved}", encoding="utf-8")
    after = copy.load()
    assert after.request_schema == before.request_schema
    line = after.nodes["InputParam.SingleSubUserParam.UserId"].keyword_lines["minLength"]
    assert line == copy.line_of(API, "minLength", after="    User:")


def test_a_description_is_plain_data_afterwards():
    description = SHIPPED[OPERATION]
    json.dumps(description.request_schema)
    json.dumps(description.success_schema)
    assert all(type(line) is int for node in description.nodes.values() for line in node.keyword_lines.values())
    assert description.file == (FOLDER / API).as_posix().join(["spec/", ""])
