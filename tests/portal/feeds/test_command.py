"""manage.py import_feed: finds or makes its feed, follows the run, says what went wrong."""

import json

import pytest
from django.core.management import CommandError, call_command

from portal.feeds import services
from portal.feeds.models import Feed
from portal.feeds.secrets import decrypt
from portal.jobs import services as jobs
from portal.jobs.models import Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(monkeypatch):
    """Ends the run whenever the command would wait for it."""

    def work(_seconds, code=""):
        job = jobs.start(job_id=Job.objects.open().get().pk)
        run = services.open_run(feed=Feed.objects.get(pk=job.subject), incremental=False)
        if code:
            services.fail_run(run=run, code=code)
            jobs.fail(job=job, code=code)
        else:
            services.finish_run(run=run)
            jobs.finish(job=job)

    def use(code=""):
        monkeypatch.setattr(
            "portal.feeds.management.commands.import_feed.time.sleep", lambda s: work(s, code)
        )

    use()
    return use


def test_a_described_feed_is_made_once(shelter, worker, monkeypatch, capsys):
    monkeypatch.setenv("KEY", "hush")
    options = {
        "shelter": shelter.slug, "kind": "asm3", "setting": ["address=https://x/service"],
        "key_from_env": "KEY", "json": True,
    }  # fmt: skip
    for _ in range(2):
        call_command("import_feed", **options)
    feed = Feed.objects.get()
    assert feed.settings == {"address": "https://x/service"}
    assert decrypt(feed.key) == "hush"
    last = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (last["state"], last["new"]) == ("done", 0)


def test_a_failed_run_says_why(shelter, worker):
    feed = services.create_feed(shelter=shelter, kind="asm3", name="x")
    worker("feed_key_refused")
    with pytest.raises(CommandError, match="Enter the key again"):
        call_command("import_feed", feed.pk)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"feed": 999}, "no feed 999"),
        ({}, "--shelter and --kind"),
        ({"shelter": "nowhere", "kind": "asm3"}, "no shelter nowhere"),
        ({"shelter": "haneul", "kind": "asm3", "setting": ["x"]}, "NAME=VALUE"),
        ({"shelter": "haneul", "kind": "asm3", "key_from_env": "NO_SUCH"}, "NO_SUCH"),
    ],
)
def test_mistakes_are_named(options, words, shelter):
    with pytest.raises(CommandError, match=words):
        call_command("import_feed", **options)
    assert not Feed.objects.exists()
