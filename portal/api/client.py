"""A typed Python client, written from the OpenAPI schema: one file without dependencies.

`python manage.py generate_client` writes it to static/client/pawkin.py, where every installation
serves it. The schema is OpenAPI 3.0.3 as drf-spectacular gives it; of that, what our API uses.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"
FORM = "multipart/form-data"
EVENTS = "text/event-stream"
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}

Schema = Mapping[str, Any]


def generate(schema: Schema) -> str:
    """The client's source, formatted; the same for the same schema."""
    types = Types(schema.get("components", {}).get("schemas", {}))
    operations = sorted(_operations(schema, types), key=lambda operation: operation.name)
    return "\n\n".join(
        [
            HEAD.format(title=schema["info"]["title"], version=schema["info"]["version"]),
            *types.definitions(),
            RUNTIME.strip() + "\n",
            "\n".join(operation.source() for operation in operations).rstrip() + "\n",
        ]
    )


class Types:
    """Python's words for the schema's types."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self.components = components

    def definitions(self) -> Iterator[str]:
        for name, schema in sorted(self.components.items()):
            if "properties" in schema:
                yield self._typed_dict(name, schema)
            else:
                yield f"{name} = {self.of(schema)}\n"

    def of(self, schema: Schema) -> str:
        """An annotation, in a file with postponed evaluation: names may come later."""
        word = self._of(schema)
        return f"{word} | None" if schema.get("nullable") and "None" not in word else word

    def _of(self, schema: Schema) -> str:
        if "$ref" in schema:
            return f'"{schema["$ref"].rpartition("/")[2]}"'.strip('"')
        for several in ("oneOf", "anyOf", "allOf"):
            if several in schema:
                words = dict.fromkeys(self.of(part) for part in schema[several])
                return " | ".join(words)
        if "enum" in schema:
            values = [value for value in schema["enum"] if value is not None]
            literal = f"Literal[{', '.join(repr(value) for value in values)}]"
            return literal if len(values) == len(schema["enum"]) else f"{literal} | None"
        kind = schema.get("type")
        if kind == "array":
            return f"list[{self.of(schema.get('items', {}))}]"
        if kind == "object":
            more = schema.get("additionalProperties")
            return f"dict[str, {self.of(more) if isinstance(more, Mapping) and more else 'Any'}]"
        if kind == "string" and schema.get("format") == "binary":
            return "File"
        return PLAIN.get(kind or "", "Any")

    def _typed_dict(self, name: str, schema: Schema) -> str:
        required = set(schema.get("required", ()))
        fields = {
            key: self.of(part) if key in required else f"NotRequired[{self.of(part)}]"
            for key, part in schema["properties"].items()
        }
        if all(key.isidentifier() and not keyword.iskeyword(key) for key in fields):
            lines = [f"class {name}(TypedDict):"]
            if schema.get("description"):
                lines += [*_docstring(schema["description"], 4), ""]
            lines += [f"    {key}: {word}" for key, word in fields.items()] or ["    pass"]
            return "\n".join(lines) + "\n"
        inside = ", ".join(f"{key!r}: {word!r}" for key, word in fields.items())
        return f"{name} = TypedDict({name!r}, {{{inside}}})\n"


@dataclass(frozen=True)
class Operation:
    """One call: its method's name, address and what goes in and comes out."""

    name: str
    method: str
    path: str
    told: str
    path_parameters: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str, str, bool], ...]
    headers: tuple[tuple[str, str], ...]
    body: str
    encoding: str
    required_body: bool
    answer: str
    events: bool

    def source(self) -> str:
        arguments = ["self", *(f"{name}: {word}" for name, word in self.path_parameters)]
        if self.body and self.required_body:
            arguments.append(f"body: {self.body}")
        elif self.body:
            arguments.append(f"body: {self.body} | None = None")
        named = [f"{p}: {w}" if r else f"{p}: {w} | None = None" for _, p, w, r in self.query]
        named += [f"{_identifier(name)}: str | None = None" for name, _ in self.headers]
        if named:
            arguments += ["*", *named]
        returns = "Iterator[dict[str, Any]]" if self.events else self.answer
        lines = [
            f"    def {self.name}(",
            *(f"        {a}," for a in arguments),
            f"    ) -> {returns}:",
        ]
        lines += _docstring(self.told or f"{self.method.upper()} {self.path}", 8)
        query = ", ".join(f"{name!r}: {parameter}" for name, parameter, _, _ in self.query)
        headers = ", ".join(f"{name!r}: {_identifier(name)}" for name, _ in self.headers)
        address = re.sub(
            r"\{(\w+)\}", lambda found: "{_quoted(" + _identifier(found[1]) + ")}", self.path
        )
        call = [f'"{self.method.upper()}"', f'{"f" if "{" in address else ""}"{address}"']
        call += [f"query={{{query}}}"] if query else []
        call += [f"headers={{{headers}}}"] if headers else []
        if self.body:
            call.append("form=body" if self.encoding == FORM else "body=body")
        lines.append(
            f"        return self.{'_events' if self.events else '_call'}({', '.join(call)})"
        )
        return "\n".join(lines) + "\n"


def _operations(schema: Schema, types: Types) -> Iterator[Operation]:
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                yield _operation(path, method, item[method], types)


def _operation(path: str, method: str, told: Schema, types: Types) -> Operation:
    parameters = told.get("parameters", ())
    content = told.get("requestBody", {}).get("content", {})
    encoding = JSON if JSON in content else FORM if FORM in content else ""
    answers = [
        answer.get("content", {})
        for status, answer in sorted(told["responses"].items())
        if status.startswith("2")
    ]
    words = [types.of(a[JSON]["schema"]) for a in answers if JSON in a]
    others = any(answer and JSON not in answer for answer in answers)
    words += ["bytes"] if others else []
    words += ["None"] if not all(answers) or not answers else []
    return Operation(
        name=_identifier(told["operationId"]),
        method=method,
        path=path,
        told=told.get("description", told.get("summary", "")),
        path_parameters=tuple(
            (_identifier(p["name"]), types.of(p.get("schema", {})))
            for p in parameters
            if p["in"] == "path"
        ),
        query=tuple(
            (
                p["name"],
                _identifier(p["name"]),
                types.of(p.get("schema", {})),
                bool(p.get("required")),
            )
            for p in sorted(parameters, key=lambda p: not p.get("required"))
            if p["in"] == "query"
        ),
        headers=tuple((p["name"], "str") for p in parameters if p["in"] == "header"),
        body=types.of(content[encoding]["schema"]) if encoding else "",
        encoding=encoding,
        required_body=bool(told.get("requestBody", {}).get("required")),
        answer=" | ".join(dict.fromkeys(words)),
        events=any(EVENTS in answer for answer in answers),
    )


def _identifier(name: str) -> str:
    word = re.sub(r"\W", "_", name).lower()
    return f"{word}_" if keyword.iskeyword(word) else word


def _docstring(text: str, indent: int) -> list[str]:
    space = " " * indent
    text = text.strip().replace("\\", "\\\\").replace('"""', "'''")
    lines = text.splitlines()
    if len(lines) == 1 and not text.endswith('"'):
        return [f'{space}"""{text}"""']
    return [
        f'{space}"""{lines[0]}',
        *(f"{space}{line}".rstrip() for line in lines[1:]),
        f'{space}"""',
    ]


HEAD = '''"""A client of {title} {version}, written from its schema: Python 3.11, no dependencies.

    from pawkin import Pawkin

    pawkin = Pawkin("https://pawkin.example", token="pk_…")
    for dog in pawkin.pages(pawkin.dogs_list, size=["s"]):
        print(dog["name"])

What fails raises ApiError with the problem's status, code and sentence (RFC 9457).
"""

from __future__ import annotations

import json
import mimetypes
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

# A file to upload: its path, or its name and content.
File = Path | tuple[str, bytes]
'''

RUNTIME = '''
class ApiError(Exception):
    """An answer that is no success; `problem` is its body."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        self.retry_after = retry_after
        super().__init__(f"{status} {self.code}: {problem.get('detail', '')}")


def _quoted(value: object) -> str:
    return urllib.parse.quote(str(value), safe="")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _multipart(form: Mapping[str, Any]) -> tuple[bytes, str]:
    """RFC 7578: fields and files, a list being a field that is there several times."""
    boundary = uuid.uuid4().hex
    parts: list[bytes] = []
    for name, value in form.items():
        for one in value if isinstance(value, list) else [value]:
            if one is None:
                continue
            told = f'Content-Disposition: form-data; name="{name}"'
            if isinstance(one, Path):
                one = (one.name, one.read_bytes())
            if isinstance(one, tuple):
                file_name, data = one
                kind = mimetypes.guess_type(file_name)[0] or "application/octet-stream"
                safe = file_name.replace('"', "%22").replace("\\r", " ").replace("\\n", " ")
                told += f'; filename="{safe}"\\r\\nContent-Type: {kind}'
            else:
                data = _text(one).encode()
            parts.append(f"--{boundary}\\r\\n{told}\\r\\n\\r\\n".encode() + data + b"\\r\\n")
    parts.append(f"--{boundary}--\\r\\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


class Pawkin:
    """The calls of one installation at `address`; `token` as made on its account page."""

    def __init__(self, address: str, token: str = "", *, timeout: float = 30.0) -> None:
        self.address = address.rstrip("/")
        self.token = token
        self.timeout = timeout

    def pages(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Iterator[Any]:
        """All results of a call that answers in pages, one after another."""
        page = call(*arguments, **named)
        while True:
            yield from page["results"]
            if not page.get("next"):
                return
            page = self._call("GET", page["next"])

    def wait(self, search_id: str, *, seconds: float = 30.0, secret: str | None = None) -> Search:
        """A search once it has ended, or as it stands after so many seconds."""
        until, pause = time.monotonic() + seconds, 0.2
        while True:
            search: Search = self._call(
                "GET",
                f"/api/v1/searches/{_quoted(search_id)}/",
                headers={"X-Search-Secret": secret},
            )
            if search["state"] != "open" or time.monotonic() >= until:
                return search
            time.sleep(pause)
            pause = min(2.0, 1.5 * pause)

    def _open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        accept: str = "application/json",
    ) -> Any:
        address = path if path.startswith(("http://", "https://")) else self.address + path
        if not address.startswith(self.address + "/"):
            raise ValueError(f"{address} is not an address of {self.address}")
        pairs = [
            (name, _text(one))
            for name, value in (query or {}).items()
            for one in (value if isinstance(value, list | tuple) else [value])
            if one is not None
        ]
        if pairs:
            address += ("&" if "?" in address else "?") + urllib.parse.urlencode(pairs)
        sent = {"Accept": accept, **{k: v for k, v in (headers or {}).items() if v is not None}}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        data = None
        if form is not None:
            data, sent["Content-Type"] = _multipart(form)
        elif body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(address, data, sent, method=method)
        try:
            return urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {"detail": text[:500]}
            wait = error.headers.get("Retry-After")
            raise ApiError(error.code, problem, float(wait) if wait else None) from None

    def _call(self, method: str, path: str, **what: Any) -> Any:
        with self._open(method, path, **what) as answer:
            data = answer.read()
            if not data:
                return None
            kind = answer.headers.get_content_type()
            return json.loads(data) if kind.endswith("json") else data

    def _events(self, method: str, path: str, **what: Any) -> Iterator[dict[str, Any]]:
        """Server-sent events (WHATWG HTML, 9.2), the data of each as JSON."""
        with self._open(method, path, accept="text/event-stream", **what) as answer:
            data: list[str] = []
            for line in answer:
                text = line.decode().rstrip("\\r\\n")
                if text.startswith("data:"):
                    data.append(text[5:].removeprefix(" "))
                elif not text and data:
                    yield json.loads("\\n".join(data))
                    data = []
'''
