"""RabbitMQ in Redis' place as the broker: what is promised of one holds with the other.

Left out where there is no rabbitmq-server.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from benchmarks import end_to_end
from benchmarks.content import images
from benchmarks.installation import Installation
from benchmarks.visitor import Visitor
from tests.live.rabbitmq import RabbitMQ, program
from tests.stack import eventually, patience

pytestmark = pytest.mark.skipif(
    program("rabbitmq-server") is None, reason="there is no rabbitmq-server here"
)


@pytest.fixture(scope="module")
def rabbitmq(temporary: Path) -> Iterator[RabbitMQ]:
    server = RabbitMQ(temporary / "rabbitmq")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def photos(drawn_dogs: Path, temporary: Path) -> Path:
    few = temporary / "few dogs for rabbitmq"
    for folder in sorted(path for path in drawn_dogs.iterdir() if path.is_dir())[:2]:
        shutil.copytree(folder, few / folder.name)
    return few


@pytest.fixture(scope="module")
def stack(
    rabbitmq: RabbitMQ, photos: Path, temporary: Path, compiled_models: dict[str, str]
) -> Iterator[Installation]:
    options = ("--port", "0", "--photos", str(photos))
    environment = {"BROKER_URL": rabbitmq.url, **compiled_models}
    with Installation(temporary / "rabbitmq data", *options, **environment) as running:
        assert running.wait_until_prepared(120 * patience())
        yield running


def ask(rabbitmq: RabbitMQ, method: str, queue: str, **options: Any) -> Any:
    with Connection(rabbitmq.url, connect_timeout=2) as connection:
        return getattr(connection.default_channel, method)(queue, **options)


def answered(stack: Installation, photos: Path) -> end_to_end.Answer:
    answer = end_to_end.search(stack.url, images(photos)[0])
    assert answer.outcome == "matches"
    return answer


def wait_for_answer(visitor: Visitor, path: str) -> None:
    def is_there() -> bool:
        # A connection that lay idle is closed by the portal, and the next call makes another.
        with contextlib.suppress(ConnectionError):
            return 'class="likeness"' in visitor.get(path).text
        return False

    eventually(is_there, within=min(150, 60 * patience()), what="the search is answered", every=0.5)


def test_messages_go_through_rabbitmq_and_none_through_redis(
    stack: Installation, rabbitmq: RabbitMQ, photos: Path
) -> None:
    answered(stack, photos)
    assert stack.health()["broker"] is True
    for queue in ("interactive", "batch"):
        told = ask(rabbitmq, "queue_declare", queue, passive=True)
        assert told.consumer_count == 1
        # Made for priorities; with other arguments this would be refused.
        ask(rabbitmq, "queue_declare", queue, durable=True, auto_delete=False,
            arguments={"x-max-priority": 9})  # fmt: skip
    with stack.broker() as redis:
        assert redis.keys("*interactive*") == redis.keys("*batch*") == redis.keys("_kombu*") == []


def test_a_worker_that_is_killed_gives_its_message_back(stack: Installation, photos: Path) -> None:
    stack.program("interactive").kill()
    answered(stack, photos)


def test_an_emptied_broker(stack: Installation, rabbitmq: RabbitMQ, photos: Path) -> None:
    for queue in ("interactive", "batch"):
        ask(rabbitmq, "queue_purge", queue)
    answered(stack, photos)


def test_a_broker_that_is_killed(stack: Installation, rabbitmq: RabbitMQ, photos: Path) -> None:
    """People wait for no broker, and what they asked for is done once it is back."""
    rabbitmq.kill()
    eventually(lambda: stack.health().get("broker") is False, within=20, what="it is missed")
    with Visitor(stack.url) as visitor:
        form = visitor.get("/").form("/search/")
        page = visitor.submit(form, {}, [("photo", images(photos)[0])])
        assert page.status == 200
        rabbitmq.start()
        wait_for_answer(visitor, page.path)
    assert stack.health()["broker"] is True
    answered(stack, photos)


def test_a_broker_that_hangs_keeps_nobody_waiting(
    stack: Installation, rabbitmq: RabbitMQ, photos: Path
) -> None:
    rabbitmq.tell(signal.SIGSTOP)
    try:
        with Visitor(stack.url) as visitor:
            form = visitor.get("/").form("/search/")
            begun = time.monotonic()
            page = visitor.submit(form, {}, [("photo", images(photos)[0])])
            assert page.status == 200
            assert time.monotonic() - begun < 4 * patience()
            rabbitmq.tell(signal.SIGCONT)
            wait_for_answer(visitor, page.path)
    finally:
        rabbitmq.tell(signal.SIGCONT)
