"""Tables that staff upload: looked at first, then taken over; feeds and their reports on pages."""

import csv
import io
import zipfile
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.feeds import archives, services
from portal.feeds.errors import FeedError
from portal.feeds.models import Archive, Feed, FeedRun
from portal.feeds.secrets import decrypt
from portal.feeds.sources import open_source
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.shelters.services import add_member, create_shelter
from tests.portal.answers import text
from tests.portal.uploads import jpeg
from workers import feeds

pytestmark = pytest.mark.django_db

TABLE = """dog,name,sex,weight_kg,breeds
bori,Bori,male,5.4,Maltese
coco,Coco,female,4.1,Moon Hound
nobody,Nobody,male,3,
"""
FIRST = {"dogs.csv": TABLE, "bori/1.jpg": jpeg(), "coco/1.jpg": jpeg()}


@pytest.fixture
def page(client, shelter, staff):
    add_member(shelter=shelter, user=staff)
    client.force_login(staff)
    return client


def packed(files, name="dogs.zip"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for path, data in files.items():
            file.writestr(path, data)
    return SimpleUploadedFile(name, out.getvalue(), content_type="application/zip")


def work(kind):
    job = jobs.start(job_id=Job.objects.open().get(kind=kind).pk)
    {"preview_import": feeds.preview_import, "import_feed": feeds.import_feed}[kind](job)


def uploaded(page, shelter, files, *, whole=False, language="en"):
    """A table that a worker has read, and the page that shows what it would change."""
    answer = page.post(
        "/staff/import/",
        {
            "shelter": shelter.pk,
            "archive": packed(files),
            **({"whole": "on"} if whole else {}),
        },
        headers={"Accept-Language": language},
    )
    assert answer.status_code == 302, text(answer)
    assert "Nothing is changed yet" in text(page.get(answer["Location"])) or language != "en"
    work("preview_import")
    return Archive.objects.latest("created_at"), answer["Location"]


def applied(page, shelter, files, **options):
    archive, address = uploaded(page, shelter, files, **options)
    answer = page.post(f"{address}apply/")
    work("import_feed")
    archive.refresh_from_db()
    return archive, answer


def test_nothing_changes_before_somebody_has_seen_it(page, shelter, messages_sent):
    _archive, address = uploaded(page, shelter, FIRST)
    words = text(page.get(address))
    for part in (
        "2 new dogs",
        "1 left out",
        "dogs.csv line 4 “nobody” is not there.",
        "not a breed we know: Moon Hound",
    ):
        assert part in words
    assert not Dog.objects.exists()

    answer = page.post(f"{address}apply/")
    work("import_feed")
    assert set(Dog.objects.values_list("name", "status")) == {
        ("Bori", "available"),
        ("Coco", "available"),
    }
    assert Dog.objects.get(name="Bori").photos.count() == 1
    report = text(page.get(answer["Location"]))
    assert "2 new dogs" in report
    assert "“nobody” is not there." in report
    again = page.post(f"{address}apply/", follow=True)
    assert "This table was used" in text(again)
    assert FeedRun.objects.count() == 1


def test_a_second_table_says_what_it_changes_and_leaves_what_staff_edited(
    page, shelter, messages_sent
):
    applied(page, shelter, FIRST)
    Dog.objects.filter(name="Bori").update(weight_kg="6.00")
    second = TABLE.replace("5.4", "5.9").replace("Coco,female", "Coco,male")
    archive, address = uploaded(page, shelter, {**FIRST, "dogs.csv": second})
    plan = {row["name"]: row for row in archive.plan}
    assert (plan["Bori"]["what"], plan["Bori"]["kept"]) == ("changed", ["weight_kg"])
    assert (plan["Coco"]["what"], plan["Coco"]["fields"]) == ("changed", ["sex"])
    assert "edited by hand, stays: weight" in text(page.get(address))
    page.post(f"{address}apply/")
    work("import_feed")
    assert Dog.objects.get(name="Coco").sex == "male"
    assert str(Dog.objects.get(name="Bori").weight_kg) == "6.00"

    same, address = uploaded(page, shelter, {**FIRST, "dogs.csv": second})
    assert {row["what"] for row in same.plan} == {"same"}
    words = text(page.get(address))
    assert "Nothing would change" in words
    assert "Do this" not in words


@pytest.mark.parametrize("whole", [False, True])
def test_dogs_that_are_missing_go_only_if_that_was_said(page, shelter, whole, messages_sent):
    applied(page, shelter, FIRST)
    only_bori = {"dogs.csv": "dog,name\nbori,Bori\n", "bori/1.jpg": FIRST["bori/1.jpg"]}
    archive, _answer = applied(page, shelter, only_bori, whole=whole)
    assert [row["name"] for row in archive.plan if row["what"] == "gone"] == (
        ["Coco"] if whole else []
    )
    assert Dog.objects.get(name="Coco").status == ("withdrawn" if whole else "available")


def test_reasons_are_in_the_language_of_who_uploaded(page, shelter, messages_sent):
    archive, _address = uploaded(page, shelter, FIRST, language="ko")
    [row] = archive.rejected
    assert "없어요" in row["reason"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({}, "Choose a ZIP archive with dogs.csv and the photos."),
        ({"archive": SimpleUploadedFile("a.zip", b"")}, "This file is empty."),
        ({"archive": SimpleUploadedFile("a.zip", b"no archive")}, "This file is no ZIP archive."),
    ],
)
def test_what_is_no_archive_is_said_beside_the_field(page, shelter, sent, words, media_files):
    answer = page.post("/staff/import/", {"shelter": shelter.pk, **sent})
    assert answer.status_code == 422
    assert words in text(answer)
    assert not Archive.objects.exists()
    assert media_files() == []


def test_an_archive_that_is_too_large_is_not_kept(page, shelter, monkeypatch, media_files):
    monkeypatch.setattr(archives, "MOST_BYTES", 100)
    answer = page.post("/staff/import/", {"shelter": shelter.pk, "archive": packed(FIRST)})
    assert "This archive is too large." in text(answer)
    assert media_files() == []


def test_an_archive_without_a_table_says_so(page, shelter, messages_sent):
    archive, address = uploaded(page, shelter, {"notes.txt": "hello"})
    assert archive.state == "failed"
    assert "can't be read" in text(page.get(address)).replace("&#x27;", "'")
    refused = page.post(f"{address}apply/", follow=True)
    assert "This table was used, or is a day old." in text(refused)


def test_a_table_is_deleted_with_its_file(page, shelter, media_files, on_commit, messages_sent):
    _archive, address = uploaded(page, shelter, FIRST)
    assert len(media_files()) == 1
    with on_commit():
        page.post(f"{address}discard/")
    assert media_files() == []
    assert page.get(address).status_code == 404


def test_tables_end_after_a_day(page, shelter, media_files, on_commit, messages_sent):
    uploaded(page, shelter, FIRST)
    assert archives.expire_archives() == 0
    Archive.objects.update(created_at=timezone.now() - timedelta(hours=25))
    with on_commit():
        assert archives.expire_archives() == 1
    assert media_files() == []


def test_another_table_waits_for_the_one_that_is_read(page, shelter, messages_sent):
    _first, address = uploaded(page, shelter, FIRST)
    page.post(f"{address}apply/")
    _second, other = uploaded(page, shelter, FIRST)
    refused = page.post(f"{other}apply/", follow=True)
    assert "still being read" in text(refused)
    assert Archive.objects.filter(state="ready").count() == 1


def test_a_worker_that_gives_up_says_so(page, shelter, messages_sent):
    from workers import pipeline

    page.post("/staff/import/", {"shelter": shelter.pk, "archive": packed(FIRST)})
    job = jobs.start(job_id=Job.objects.open().get(kind="preview_import").pk)
    pipeline.give_up(job, "timed_out", "")
    assert Archive.objects.get().error_code == "timed_out"


def test_other_shelters_tables_and_feeds_are_not_there(page, client, shelter, messages_sent):
    _archive, address = uploaded(page, shelter, FIRST)
    feed = services.create_feed(shelter=shelter, kind="asm3", name="asm", settings={})
    run = FeedRun.objects.create(feed=feed)
    other = User.objects.create_user("other@example.org", "secret")
    add_member(shelter=create_shelter(name="Other"), user=other)
    client.force_login(other)
    for path in (
        address,
        f"/staff/import/feeds/{feed.pk}/",
        f"/staff/import/feeds/{feed.pk}/edit/",
        f"/staff/import/runs/{run.pk}/left-out.csv",
    ):
        assert client.get(path).status_code == 404, path
    for path in (
        f"{address}apply/",
        f"{address}discard/",
        f"/staff/import/feeds/{feed.pk}/run/",
        f"/staff/import/feeds/{feed.pk}/delete/",
    ):
        assert client.post(path).status_code == 404, path
    sent = client.post("/staff/import/", {"shelter": shelter.pk, "archive": packed(FIRST)})
    assert sent.status_code == 422


def test_a_feed_cannot_name_another_stored_file(media_files):
    default_storage.save("queries/ab/photo", ContentFile(b"x"))
    for name in ("queries/ab/photo", "archives/../queries/ab/photo"):
        with pytest.raises(FeedError):
            open_source("csvzip", client=None, settings={"upload": name})


# Feeds


def test_a_feed_is_made_edited_read_and_deleted(page, shelter, messages_sent):
    good = {
        "shelter": shelter.pk,
        "name": "asm",
        "address": "https://asm.example/service",
        "username": "pawkin",
        "key": "secret",
        "weight_unit": "lb",
        "every_hours": "6",
        "enabled": "on",
    }
    answer = page.post("/staff/import/new/asm3/", good)
    feed = Feed.objects.get()
    assert answer["Location"] == f"/staff/import/feeds/{feed.pk}/"
    assert (feed.settings["address"], feed.settings["weight_unit"]) == (good["address"], "lb")
    assert (decrypt(feed.key), feed.every_hours, feed.enabled) == ("secret", 6, True)

    edit = f"/staff/import/feeds/{feed.pk}/edit/"
    assert "secret" not in text(page.get(edit))
    page.post(edit, {**good, "name": "our asm", "key": "", "every_hours": "", "enabled": ""})
    feed.refresh_from_db()
    assert (feed.name, feed.every_hours, feed.enabled) == ("our asm", None, False)
    assert decrypt(feed.key) == "secret"

    page.post(f"/staff/import/feeds/{feed.pk}/run/")
    assert Job.objects.open().get(kind="import_feed").subject == str(feed.pk)
    assert "Waiting for a worker" in text(page.get(f"/staff/import/feeds/{feed.pk}/"))
    page.post(f"/staff/import/feeds/{feed.pk}/delete/")
    assert not Feed.objects.exists()


@pytest.mark.parametrize(
    ("kind", "sent", "words"),
    [
        ("asm3", {"address": ""}, "Enter the address, beginning with https://."),
        ("asm3", {"address": "nonsense at all"}, "This is no address."),
        ("asm3", {"username": ""}, "Enter the user name, or choose an API key."),
        ("asm3", {"key": ""}, "Without it the source answers nobody. Enter it."),
        ("asm3", {"name": ""}, "Give it a name, to tell it by later."),
        ("asm3", {"name": "there"}, "There is a feed of this name already. Choose another."),
        ("datagokr", {"care_reg_no": ""}, "Enter the shelter's number or a province"),
        ("rescuegroups", {"organisation": ""}, "Enter the number of your organisation"),
    ],
)
def test_a_feeds_fields_say_what_is_wrong(page, shelter, kind, sent, words):
    services.create_feed(shelter=shelter, kind="asm3", name="there", settings={})
    good = {
        "shelter": shelter.pk,
        "name": "new",
        "address": "https://asm.example/service",
        "username": "pawkin",
        "key": "secret",
        "weight_unit": "kg",
        "care_reg_no": "1",
        "organisation": "1",
    }
    answer = page.post(f"/staff/import/new/{kind}/", {**good, **sent})
    assert answer.status_code == 422
    assert words in text(answer).replace("&#x27;", "'")
    assert Feed.objects.count() == 1


def test_a_suspicious_reading_waits_for_a_person(page, shelter, messages_sent):
    feed = services.create_feed(shelter=shelter, kind="asm3", name="asm", settings={})
    FeedRun.objects.create(feed=feed, state="failed", error_code="feed_suspicious")
    address = f"/staff/import/feeds/{feed.pk}/"
    assert "They are gone: withdraw them" in text(page.get(address))
    page.post(f"{address}run/", {"gone": "yes"})
    feed.refresh_from_db()
    assert feed.may_withdraw_many


def test_what_was_left_out_is_a_table(page, shelter):
    feed = services.create_feed(shelter=shelter, kind="asm3", name="asm", settings={})
    run = FeedRun.objects.create(feed=feed, state="done")
    run.rejections.create(where="line 3", code="row_unusable", reason="=cmd()")
    run.rejections.create(where="bori photo 1", code="feed_photo_refused", reason="", of_photo=True)
    answer = page.get(f"/staff/import/runs/{run.pk}/left-out.csv")
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    assert rows[0] == ["where", "reason"]
    assert rows[1] == ["line 3", "'=cmd()"]
    assert rows[2][1].startswith("The feed didn't give this photo.")


@pytest.mark.parametrize("kind", ["datagokr", "asm3", "rescuegroups", "csvzip"])
def test_every_kind_has_its_form(page, kind):
    assert page.get(f"/staff/import/new/{kind}/").status_code == 200
    assert page.get("/staff/import/new/petfinder/").status_code == 302
