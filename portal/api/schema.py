"""What the OpenAPI schema says of every call without its view having to repeat it."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from portal.api.problems import TYPE, ProblemSerializer, title_of


def whole_schema() -> dict[str, Any]:
    """The schema as plain JSON values, as everybody gets it."""
    found = SchemaGenerator().get_schema(request=None, public=True)
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return plain


ALWAYS = (400, 401, 403, 404, 405, 406, 429)
WRITING = (409, 413, 415, 422)


class Schema(AutoSchema):
    """Adds the problems that a call can answer with (`problems` of its view names more than the
    usual ones), and the header under which a POST may be repeated."""

    def get_summary(self) -> str | None:
        """The first sentence of what a call says of itself."""
        first = str(self.get_description()).partition("\n")[0]
        return first.partition(". ")[0].rstrip(".") or None

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        component = self.resolve_serializer(ProblemSerializer, "response")
        more = (*ALWAYS, *(WRITING if self.method not in ("GET", "HEAD") else ()))
        for status in sorted({*more, *getattr(self.view, "problems", ())}):
            operation["responses"].setdefault(
                str(status),
                {
                    "description": title_of(status),
                    "content": {TYPE: {"schema": component.ref}},
                },
            )
        if self.method == "POST":
            operation.setdefault("parameters", []).append(
                {
                    "in": "header",
                    "name": "Idempotency-Key",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 128,
                               "pattern": "^[!-~]+$"},
                    "description": "the same key and content are answered once, for 24 hours",
                }
            )  # fmt: skip
        return operation
