"""Operations of one or two parameters: what a plan shows by its length and variety has to be shown there too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from acs_conformance import source, spec_folder
from acs_conformance.bench import Bench, servers
from acs_conformance.cases import plan
from acs_conformance.faults import catalogue
from acs_conformance.verdict import ExitCode
from in_process import MADE_UP_ROOT, MADE_UP_TOO


def text(**keywords):
    return {"type": "string", "description": "A text.", "examples": ["kim"], **keywords}


def number(**keywords):
    return {"type": "integer", "description": "A number.", "examples": [1], **keywords}


def items(schema, **keywords):
    return {"type": "array", "items": schema, **keywords}


def members(**properties):
    return {"type": "object", "description": "An object.", "properties": properties}


#: Operation -> its parameters: whether each is required, and its schema.
SMALL = {
    "OneId": {"Id": (True, text())},
    "OneName": {"Name": (False, text(maxLength=3))},
    "OneFlag": {"Flag": (True, {"type": "boolean", "examples": [True]})},
    "OneSize": {"Size": (True, {"type": "number", "examples": [1.5]})},
    "OneMode": {"Mode": (True, number(enum=[1, 2, 4]))},
    "OneList": {"Tags": (True, items(text(enum=["a", "bb"], examples=["a"])))},
    "OneBox": {"Box": (True, members(Kind=text(minLength=1, maxLength=1, examples=["k"])))},
    "OneItem": {"Items": (True, items(members(Low=number(minimum=1, maximum=1), Name=text()), minItems=1, maxItems=1))},
    "OneSet": {"Kinds": (True, items(text(enum=["a", "b", "c"], examples=["b"])))},
    "OneSeries": {"Steps": (True, items(number(minimum=1, maximum=9), minItems=2, maxItems=6))},
    "OneGrid": {"Rows": (False, members(Cells=items(items(number(minimum=0)), maxItems=3)))},
}
#: Operation -> path of what may not repeat.
UNIQUE = {"OneSet": "Kinds[]", "OneSeries": "Steps[]"}


def described(operation: str, root: Path):
    """The operation, described as the made-up ones are and with their answers."""
    folder = root / "small" / MADE_UP_TOO.version / operation
    folder.mkdir(parents=True)
    api = source.read(spec_folder.folders(MADE_UP_ROOT)[MADE_UP_TOO.operation] / "openapi.yaml").data
    document = json.loads(json.dumps(api))
    (path,) = document["paths"].values()
    call = path["get"]
    call["operationId"] = operation
    call["x-relations"] = [{"relation": "unique", "of": UNIQUE[operation]}] if operation in UNIQUE else []
    call["parameters"] = [
        {
            "name": name,
            "in": "query",
            "required": required,
            "description": "It.",
            **(
                {"content": {"application/json": {"schema": schema}}}
                if schema["type"] in ("object", "array")
                else {"schema": schema}
            ),
        }
        for name, (required, schema) in SMALL[operation].items()
    ]
    (folder / "openapi.yaml").write_text(json.dumps(document), encoding="utf-8")
    page = {"title": operation, "url": "https://parcels.example.com/", "updated": "2025-03-01"}
    statement = {"id": "all", "row": "All", "text": "All of it.", "requirements": ["*"]}
    statements = json.dumps({"page": page, "statements": [statement]})
    (folder / "statements.yaml").write_text(statements, encoding="utf-8")
    return spec_folder.load(operation, root)


@pytest.mark.parametrize("operation", SMALL)
def test_the_plan_finds_every_fault_of_a_small_operation(operation, tmp_path):
    description = described(operation, tmp_path)
    found = Bench(plan(description, "standard"), is_full=False)
    promised = [fault for fault in catalogue(description) if fault.found_at == "standard"]
    assert len(promised) > 100
    assert [fault.id for fault in promised if not found.fault(fault).is_caught] == []
    # Its default, each number read otherwise, and some choices in pairs.
    for server in range(0, len(servers(description)), 9):
        assert found.variant(server).code == ExitCode.CONFORMS
