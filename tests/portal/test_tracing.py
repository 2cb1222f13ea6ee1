"""Lines of the log say which request and which job they belong to, and nothing of anybody."""

import io
import json
import logging
import re
import uuid

import pytest

from portal.jobs.models import Job
from portal.jobs.services import enqueue
from portal.matching.models import Query
from portal.settings.logs import LOGGING
from portal.tracing import Traces, job_id, request_id, working
from tests.portal.test_settings import PRODUCTION, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def lines():
    """What portal.requests and Django say, as lines of the log."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter(LOGGING["formatters"]["line"]["format"]))
    handler.addFilter(Traces())
    loggers = [logging.getLogger(name) for name in ("portal.requests", "django.request")]
    for logger in loggers:
        logger.addHandler(handler)
    yield lambda: out.getvalue().splitlines()
    for logger in loggers:
        logger.removeHandler(handler)


def test_an_answer_tells_the_request_its_proxy_named(client):
    given = uuid.uuid4().hex
    assert client.get("/health/live", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize(
    "forged", ["", "short", "a b" * 9, "x" * 65, "é" * 20, "0123456789\tERROR"]
)
def test_what_could_forge_a_line_is_replaced(client, forged):
    told = client.get("/health/live", headers={"X-Request-ID": forged})["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", told)


def test_a_line_tells_the_pattern_and_not_the_address(client, lines):
    secret = uuid.uuid4()
    answer = client.get(f"/search/{secret}/?token=hidden")
    [line] = lines()
    assert f"GET /search/<uuid:query_id>/ {answer.status_code} " in line
    assert f"[request={answer['X-Request-ID']}]" in line
    assert str(secret) not in line
    assert "hidden" not in line


def test_what_breaks_is_told_without_its_address(client, lines, monkeypatch):
    def broken(*_):
        raise ValueError("broken inside")

    monkeypatch.setattr(type(Query.objects.all()), "owned_by", broken)
    client.raise_request_exception = False
    secret = uuid.uuid4()
    answer = client.get(f"/search/{secret}/")
    assert answer.status_code == 500
    said = "\n".join(lines())
    assert "Internal Server Error: /search/<uuid:query_id>/" in said
    assert "broken inside" in said
    assert str(secret) not in said
    assert said.count(f"[request={answer['X-Request-ID']}]") == 2


def test_a_job_remembers_the_request_that_asked_for_it():
    token = request_id.set("0123456789abcdef")
    try:
        job = enqueue(kind=Job.Kind.RANK, subject=1, queue=Job.Queue.INTERACTIVE)
    finally:
        request_id.reset(token)
    job.refresh_from_db()
    assert job.request == "0123456789abcdef"


def test_a_worker_tells_both(lines):
    with working(job="the-job", request="the-request"):
        logging.getLogger("portal.requests").info("at work")
    assert lines()[-1].endswith("portal.requests: [request=the-request job=the-job] at work")
    assert job_id.get() == ""


def test_json_is_one_object_a_line():
    code = (
        "import django, logging; django.setup()\n"
        "from portal.tracing import working\n"
        "with working(job='j', request='r'):\n"
        "    logging.getLogger('portal').warning('two\\nlines', extra={'status': 200})\n"
        "    try: 1/0\n"
        "    except ZeroDivisionError: logging.getLogger('workers').exception('broken')\n"
    )
    result = run(
        "-c",
        code,
        **{**PRODUCTION, "DJANGO_SETTINGS_MODULE": "portal.settings", "LOG_FORMAT": "json"},
    )
    assert result.returncode == 0, result.stderr
    first, second = [json.loads(line) for line in result.stderr.splitlines()]
    assert re.match(r"\d{4}-\d\d-\d\dT", first.pop("at"))
    assert first == {
        "level": "WARNING",
        "logger": "portal",
        "message": "two\nlines",
        "request_id": "r",
        "job_id": "j",
        "status": 200,
    }
    assert "ZeroDivisionError" in second["exc_info"]


def test_another_format_is_refused():
    result = run("-c", "import portal.settings", **{**PRODUCTION, "LOG_FORMAT": "xml"})
    assert "LOG_FORMAT is xml: choose line or json." in result.stderr
