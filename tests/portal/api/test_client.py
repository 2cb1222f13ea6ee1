"""The Python client is what its schema says; docs/api.md has every call."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from benchmarks.installation import ROOT
from portal.api.client import generate
from portal.api.management.commands.generate_client import PLACE
from portal.api.schema import whole_schema


@pytest.fixture(scope="module")
def schema():
    return whole_schema()


def operations(schema):
    return {
        told["operationId"]
        for item in schema["paths"].values()
        for method, told in item.items()
        if method in ("get", "post", "put", "patch", "delete")
    }


def test_the_client_is_that_of_the_schema(schema):
    """Mend it with `manage.py generate_client`."""
    assert PLACE.read_text() == generate(schema)


def test_every_call_has_a_method_and_a_line_of_documentation(schema):
    spec = spec_from_file_location("pawkin", PLACE)
    module = module_from_spec(spec)
    sys.modules["pawkin"] = module
    spec.loader.exec_module(module)
    names = operations(schema)
    assert len(names) > 50
    assert {name for name in names if not callable(getattr(module.Pawkin, name, None))} == set()
    documented = set(re.findall(r"\b[a-z_]+\b", (ROOT / "docs" / "api.md").read_text()))
    assert names - documented == set()


def test_words_of_types():
    schema = {
        "info": {"title": "T", "version": "1"},
        "components": {
            "schemas": {
                "Thing": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string"},
                        "size": {"type": "number", "nullable": True},
                        "class": {"type": "array", "items": {"$ref": "#/components/schemas/Kind"}},
                    },
                },
                "Kind": {"type": "string", "enum": ["a", "b"]},
            }
        },
        "paths": {
            "/things/{id}/": {
                "get": {
                    "operationId": "things_read",
                    "parameters": [
                        {"in": "path", "name": "id", "schema": {"type": "integer"}},
                        {"in": "query", "name": "from", "schema": {"type": "string"}},
                    ],
                    "responses": {
                        "200": {
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "#/components/schemas/Thing"}
                                }
                            }
                        },
                        "404": {},
                    },
                }
            }
        },
    }
    source = generate(schema)
    assert "Kind = Literal['a', 'b']" in source
    assert "'name': 'str'" in source
    assert "NotRequired[float | None]" in source
    assert "NotRequired[list[Kind]]" in source
    assert "from_: str | None = None" in source
    assert ") -> Thing:" in source
    assert "f\"/things/{_quoted(id)}/\", query={'from': from_}" in source
