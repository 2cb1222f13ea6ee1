"""Every call of the schema with made-up content, as nobody and as each role: never our mistake
(5xx), and nothing that the schema does not announce."""

import hypothesis
import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from portal.api.services import create_token
from portal.matching.models import ModelVersion
from portal.matching.services import register_specs
from tests.histogram import spec

SCHEMA = "/api/v1/schema/?format=json"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 12


@pytest.fixture
def things(make_dog, member, settings):
    """Something at the addresses that the made-up calls are sent to."""
    settings.API_EVENTS_SECONDS = 0
    register_specs(specs=[spec()], default="starter")
    return {"slug": make_dog("Bori", photos=1).slug, "version_id": ModelVersion.objects.get().pk}


@pytest.fixture(autouse=True)
def one_connection():
    """The test's own: a server would let it go after each request, as Django's client does not."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ["nobody", "adopter", "staff", "admin"])
def test_no_call_breaks_the_schema(role, things, request, monkeypatch):
    monkeypatch.setattr("portal.throttles.Rate.allow_request", lambda *_: True)
    headers = {}
    if role != "nobody":
        user = request.getfixturevalue({"staff": "member"}.get(role, role))
        _token, secret = create_token(user=user, name="t", scopes=["write", "search", "admin"])
        headers = {"Authorization": f"Bearer {secret}"}
    schema = schemathesis.openapi.from_wsgi(SCHEMA, WSGIHandler())
    called = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(), there=hypothesis.strategies.booleans())
        def call(case, there):
            for name in case.path_parameters or {}:
                if there and name in things:
                    case.path_parameters[name] = things[name]
            response = case.call(headers=headers)
            case.validate_response(response, checks=CHECKS)

        call()
        called += 1
    assert called >= 25
