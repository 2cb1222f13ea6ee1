"""Which broker, and what differs between Redis and RabbitMQ. A real one: tests/live."""

import pytest
from amqp.exceptions import NotFound

from portal import health
from portal.jobs import services
from portal.jobs.models import Job
from tests.portal.test_settings import PRODUCTION, load, value

AMQP = "amqp://pawkin:secret@rabbit:5672/pawkin"


@pytest.fixture
def rabbitmq(settings):
    """The settings that an address of RabbitMQ leads to; nobody is there."""
    settings.BROKER_SPEAKS_AMQP = True
    settings.CELERY_BROKER_URL = "amqp://guest:guest@127.0.0.1:9//"
    settings.CELERY_TASK_QUEUE_MAX_PRIORITY = 9
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"write_timeout": 3, "max_retries": 1}


def test_redis_is_the_broker_unless_another_is_named():
    told = "CELERY_BROKER_URL, BROKER_SPEAKS_AMQP, CELERY_TASK_QUEUE_MAX_PRIORITY"
    assert value(told, **PRODUCTION) == "redis://broker/0 False None"
    assert value(told, **PRODUCTION, BROKER_URL="") == "redis://broker/0 False None"
    assert value(told, **PRODUCTION, BROKER_URL=AMQP) == f"{AMQP} True 9"


def test_requests_are_counted_in_redis_whatever_the_broker():
    told = "CACHES['default']['LOCATION']"
    assert value(told, **PRODUCTION, BROKER_URL=AMQP) == "redis://broker/0"


def test_certificates_are_checked():
    told = "CELERY_BROKER_USE_SSL"
    assert value(told, **PRODUCTION, BROKER_URL=AMQP) == "None"
    secure = value(told, **PRODUCTION, BROKER_URL=AMQP.replace("amqp:", "amqps:"))
    assert "CERT_REQUIRED" in secure


def test_another_kind_is_refused_without_telling_its_password():
    refused = load("1", **PRODUCTION, BROKER_URL="kafka://pawkin:secret@host")
    assert "begin it with redis://" in refused.stderr
    assert "secret" not in refused.stderr.splitlines()[-1]


def test_searches_come_before_photos_and_photos_before_variants(settings, rabbitmq):
    def order():
        kinds = [Job.Kind.MAKE_VARIANTS, Job.Kind.INDEX_PHOTO, Job.Kind.ANSWER_QUERY]
        return [services._priority(kind) for kind in kinds]

    assert order() == [0, 3, 9]
    settings.CELERY_TASK_QUEUE_MAX_PRIORITY = None
    assert order() == [9, 6, 0]


def test_rabbitmq_that_is_away_does_not_answer(rabbitmq):
    assert health.broker_answers() is False
    assert services.messages_waiting(queue="batch") is None


def test_a_queue_that_rabbitmq_does_not_have_yet_is_empty(monkeypatch, rabbitmq):
    class Channel:
        def queue_declare(self, queue, passive):
            raise NotFound(f"no queue '{queue}' in vhost '/'")

    class Connection:
        default_channel = Channel()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(services.app, "connection", lambda **_: Connection())
    assert services.messages_waiting(queue="batch") == 0


@pytest.mark.django_db
def test_a_worker_takes_up_nothing_of_a_worker_on_another_machine(make_dog, messages_sent):
    make_dog(photos=2)
    here, there = Job.objects.all()
    services.start(job_id=here.pk, worker="interactive@one.example")
    services.start(job_id=there.pk, worker="interactive@two.example")
    services.reclaim(worker="interactive@one.example")
    here.refresh_from_db()
    there.refresh_from_db()
    assert (here.state, there.state) == (Job.State.QUEUED, Job.State.RUNNING)
