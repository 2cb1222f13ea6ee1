"""Clips on the portal's side: who may see them, what is taken, what the pages say, what goes."""

import json
import re
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from ml.activity import LEVELS
from ml.following import Sighting
from portal.accounts.models import User
from portal.api import orphans
from portal.camera import CLOSED, OPEN
from portal.clips import services, shown
from portal.clips.models import Clip
from portal.jobs.messages import SENTENCES
from portal.jobs.models import Job
from portal.matching.models import Posture
from portal.shelters.services import add_member, create_shelter

pytestmark = pytest.mark.django_db

# All that the web process looks at.
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(400)
MP4 = b"\0\0\0\x20ftypisom" + bytes(400)
NAMES = ["nose", "neck", "root_of_tail", "left_front_paw", "right_front_paw"]
LAYOUT = {
    "names": NAMES,
    "skeleton": [["nose", "neck"], ["neck", "root_of_tail"], ["neck", "right_front_paw"]],
    "parts": {"nose": "face", "left_front_paw": "front_legs", "right_front_paw": "front_legs"},
}


@pytest.fixture
def dog(make_dog, shelter, staff):
    add_member(shelter=shelter, user=staff)
    return make_dog("Bori")


@pytest.fixture
def staffs(client, staff, dog):
    client.force_login(staff)
    return client


def sent(data=WEBM, name="clip.webm"):
    return SimpleUploadedFile(name, data, "video/webm")


def post(client, dog, *files, **headers):
    return client.post(f"/staff/dogs/{dog.slug}/clips/", {"film": list(files)}, **headers)


@pytest.fixture
def ready(dog, staff, on_commit):
    """A clip of three seconds: stands, a gap, lies."""

    def make(**changes):
        files = {}
        for name in ("film", "poster"):
            files[name] = default_storage.save(f"clips/0a/{name}", ContentFile(name.encode()))
        with on_commit():
            clip = services.take_clip(dog=dog, by=staff, file=ContentFile(WEBM))
            fields = {
                "shown": 0,
                "seconds": 3.0,
                "width": 480,
                "height": 360,
                "layout": LAYOUT,
                "frames": [frame(n) for n in range(24)],
                "speeds": [None if 7 <= n < 16 else 0.2 if n < 7 else 0.05 for n in range(23)],
                "speed": 0.125,
                "level": "calm",
                "levels": dict(LEVELS["background"]),
                "relative": "background",
                "seen": 16 / 24,
                "postures": {"standing": 0.5, "sitting": 0.0, "lying": 0.5, "other": 0.0},
            }
            watched = services.Watched(**files, **{**fields, **changes})
            assert services.store_watched(clip=clip, watched=watched)
        clip.refresh_from_db()
        return clip

    return make


def frame(number):
    row = {"t": number / 8, "at": [10 * number, 10 * number + 10]}
    if 8 <= number < 16:
        return {**row, "box": None, "points": None, "posture": ""}
    points = [[0.1 * n, 0.5, 0.9 if n else 0.2] for n in range(len(NAMES))]
    posture = "standing" if number < 8 else "lying"
    return {**row, "box": [0.1, 0.1, 0.9, 0.9], "points": points, "posture": posture}


# Taking one


@pytest.mark.parametrize("data", [WEBM, MP4])
def test_a_film_is_stored_as_it_came_and_waits_for_a_worker(
    staffs, staff, dog, messages_sent, on_commit, media_files, data
):
    with on_commit():
        answer = post(staffs, dog, sent(data, "../../bori.mp4"))
    clip = Clip.objects.get()
    assert answer["Location"] == f"/staff/clips/{clip.pk}/"
    assert (clip.dog, clip.by, clip.state) == (dog, staff, "waiting")
    assert media_files() == [clip.upload.name]
    assert re.fullmatch(r"clips/[0-9a-f]{2}/[0-9a-f]{32}", clip.upload.name)
    assert clip.upload.read() == data
    job = Job.objects.get(kind=Job.Kind.WATCH_CLIP)
    assert (job.subject, job.queue) == (str(clip.pk), "batch")
    assert ("workers.tasks.watch_clip", str(job.pk)) in messages_sent


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\xff\xd8\xff\xe0 a photo", "not_a_clip"),
        (b"#EXTM3U\n#EXTINF:1,\nhttp://10.0.0.1/\n", "not_a_clip"),
        (b"<html><script>alert(1)</script>", "not_a_clip"),
        (WEBM + bytes(300), "clip_too_large"),
    ],
)
def test_what_is_refused_is_said_and_not_kept(
    staffs, dog, settings, media_files, messages_sent, data, code
):
    settings.CLIP_MAX_BYTES = 600
    answer = post(staffs, dog, sent(data))
    assert answer.status_code in (413, 422)
    assert str(SENTENCES[code]) in answer.content.decode()
    assert not Clip.objects.exists()
    assert media_files() == []
    assert messages_sent == []


def test_a_script_is_answered_in_json(staffs, dog):
    answer = post(staffs, dog, sent(), HTTP_ACCEPT="application/json")
    assert answer.status_code == 201
    assert answer.json() == {"address": f"/staff/clips/{Clip.objects.get().pk}/"}
    answer = post(staffs, dog, sent(b"no film"), HTTP_ACCEPT="application/json")
    assert (answer.status_code, answer.json()["code"]) == (422, "not_a_clip")
    assert answer.json()["detail"] == str(SENTENCES["not_a_clip"])
    answer = post(staffs, dog, HTTP_ACCEPT="application/json")
    assert answer.json()["code"] == "empty_file"


def test_either_field_of_the_form_will_do(staffs, dog):
    """A phone sends the field that was not used as an empty file."""
    head = b'--b\r\nContent-Disposition: form-data; name="film"; filename='
    kind = b"\r\nContent-Type: application/octet-stream\r\n\r\n"
    body = head + b'""' + kind + b"\r\n" + head + b'"bori.mp4"' + kind + MP4 + b"\r\n--b--\r\n"
    address = f"/staff/dogs/{dog.slug}/clips/"
    staffs.generic("POST", address, body, "multipart/form-data; boundary=b")
    assert Clip.objects.get().upload.read() == MP4


def test_a_dog_has_ten_clips_at_most(staffs, dog, media_files, monkeypatch):
    monkeypatch.setattr(services, "CLIPS_PER_DOG", 2)
    for _ in range(2):
        assert post(staffs, dog, sent()).status_code == 302
    answer = post(staffs, dog, sent())
    assert answer.status_code == 409
    assert str(SENTENCES["too_many_clips"]) in answer.content.decode()
    assert len(media_files()) == 2


def test_a_full_disk_is_said(staffs, dog, media_files, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(default_storage._wrapped), "_save", full)
    answer = post(staffs, dog, sent())
    assert answer.status_code == 507
    assert not Clip.objects.exists()


def test_every_code_has_its_own_sentence():
    codes = {code for code in SENTENCES if "clip" in code}
    told = {str(SENTENCES[code]) for code in codes | set(services.CODES.values())}
    assert len(told) == len(codes) == 11


# Who may see one


def test_only_the_dogs_shelter_and_admins_see_one(ready, client, staff):
    clip = ready()
    add_member(
        shelter=create_shelter(name="Elsewhere"),
        user=(other := User.objects.create_user("other@example.org", "secret")),
    )
    adopter = User.objects.create_user("adopter@example.org", "secret")
    admin = User.objects.create_superuser("admin@example.org", "secret")
    expected = {None: 302, adopter: 403, other: 404, staff: 200, admin: 200}
    for user, status in expected.items():
        client.logout()
        if user:
            client.force_login(user)
        for place in ("", "film/", "poster/"):
            address = f"/staff/clips/{clip.pk}/{place}"
            assert client.get(address).status_code == status, (user, place)
        if user not in (staff, admin):
            for act in ("delete", "retry"):
                assert client.post(f"/staff/clips/{clip.pk}/{act}/").status_code == status
    assert Clip.objects.filter(pk=clip.pk).exists()


def test_adopters_pages_and_the_api_know_nothing_of_clips(ready, dog, client):
    clip = ready()
    for address in (f"/dogs/{dog.slug}/", f"/api/v1/dogs/{dog.slug}/"):
        text = client.get(address).content.decode()
        assert "clip" not in re.sub(r"clip-path|clipboard", "", text), address
        assert clip.film.name not in text


def test_bytes_stay_private_and_are_never_a_page(ready, staffs):
    clip = ready()
    for place, kind in (("film", "application/octet-stream"), ("poster", "image/jpeg")):
        answer = staffs.get(f"/staff/clips/{clip.pk}/{place}/")
        assert b"".join(answer.streaming_content) == place.encode()
        assert answer["Content-Type"] == kind
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"


# The camera


def test_the_camera_is_open_on_one_page_and_no_other(staffs, dog, ready):
    recording = staffs.get(f"/staff/dogs/{dog.slug}/clips/")
    assert recording["Permissions-Policy"] == OPEN == "camera=(self), microphone=()"
    policy = recording["Content-Security-Policy"]
    assert "media-src 'self' blob:" in policy
    clip = ready()
    for address in ("/", "/staff/", f"/staff/dogs/{dog.slug}/", f"/staff/clips/{clip.pk}/"):
        answer = staffs.get(address)
        assert answer["Permissions-Policy"] == CLOSED == "camera=(), microphone=()", address
        assert "media-src" not in answer["Content-Security-Policy"]
    # But for that, the policy is that of every page.
    strict = staffs.get("/staff/")["Content-Security-Policy"]

    def parts(text):
        return {part.strip() for part in text.split(";")}

    assert parts(policy) - parts(strict) == {"media-src 'self' blob:"}


# The page


def test_the_page_says_what_it_guesses_and_that_it_is_a_guess(ready, staffs, dog):
    clip = ready()
    page = staffs.get(f"/staff/clips/{clip.pk}/").content.decode()
    assert "Moves a little" in page
    assert "This is a guess from one clip." in page
    assert "seen in 67 % of the frames" in page
    assert f'href="/staff/dogs/{dog.slug}/#nature-title"' in page
    # Without a script: the picture with its points, a chart, and all of it in words.
    assert f"/staff/clips/{clip.pk}/poster/" in page
    assert 'class="kp kp--front_legs kp--hollow"' in page
    assert 'class="clip-line"' in page
    rows = re.findall(r'<th scope="row" class="number">(\d)</th><td>(.*?)</td><td>(.*?)</td>', page)
    assert rows == [
        ("1", "moves a little (0.20)", "stands"),
        ("2", "–", "–"),
        ("3", "keeps still (0.05)", "lies"),
    ]


def test_nothing_is_guessed_of_too_little(ready, staffs):
    clip = ready(level="", speed=None, speeds=[None] * 23, postures=None)
    page = staffs.get(f"/staff/clips/{clip.pk}/").content.decode()
    assert "Cannot be told" in page
    assert "clip-line" not in page
    assert "What it does" not in page


def test_the_film_for_the_script(ready, staffs):
    clip = ready()
    page = staffs.get(f"/staff/clips/{clip.pk}/").content.decode()
    [text] = re.findall(r'<script id="clip-film" type="application/json">(.*?)</script>', page)
    film = json.loads(text)
    assert film["film"] == f"/staff/clips/{clip.pk}/film/"
    assert film["points"] == [
        ["face", False],
        ["body", False],
        ["body", False],
        ["front_legs", False],
        ["front_legs", True],
    ]
    assert film["edges"] == [[0, 1, "body"], [1, 2, "body"], [1, 4, "front_legs"]]
    assert set(film["shapes"]) == {"face", "body", "front_legs", "hind_legs"}
    assert len(film["frames"]) == 24
    assert film["frames"][8] == {"t": 1.0, "at": [80, 90], "box": None, "points": None}


def test_the_chart_has_gaps_where_nothing_is_known(ready):
    chart = shown.chart(ready())
    assert chart.line.count("M") == 2
    assert chart.top == 0.4
    assert "M0.00 66.0L4.17 66.0" in chart.line
    assert chart.rules == [99.0]
    assert [label.word for label in chart.labels] == ["moves a little"]
    assert [(piece.posture, piece.x, piece.width) for piece in chart.strip] == [
        ("standing", 0, 33.33),
        ("lying", 66.67, 33.33),
    ]


def test_words_of_levels_do_not_lie_on_each_other():
    found = shown.labels([(131.0, "a"), (128.0, "b"), (100.0, "c"), (0.0, "d")])
    assert [label.word for label in found] == ["d", "c", "b"]
    assert found[0].y >= 11


def test_the_words_are_those_of_the_analyser():
    for levels in LEVELS.values():
        assert list(levels) == list(Clip.Level.values)
    assert set(shown.POSTURES) == set(Posture.values)
    assert Sighting.__dataclass_fields__["posture"].default is None


def test_a_clip_that_waits_tells_how_far_it_is(staffs, dog):
    post(staffs, dog, sent())
    clip = Clip.objects.get()
    page = staffs.get(f"/staff/clips/{clip.pk}/").content.decode()
    assert 'hx-trigger="every 1s, again"' in page
    Job.objects.update(state="running", done=8, total=32)
    page = staffs.get(f"/staff/clips/{clip.pk}/").content.decode()
    assert re.search(r'<progress[^>]*max="32" value="8"', page)


def test_a_clip_that_failed_says_why_and_can_be_tried_again(staffs, dog, messages_sent, on_commit):
    post(staffs, dog, sent())
    clip = Clip.objects.get()
    Job.objects.update(state="failed")
    services.fail_clip(clip=clip, code="worker_lost")
    page = staffs.get(f"/staff/clips/{clip.pk}/").content.decode()
    assert str(SENTENCES["clip_failed"]).replace("'", "&#x27;") in page
    with on_commit():
        staffs.post(f"/staff/clips/{clip.pk}/retry/")
    clip.refresh_from_db()
    assert clip.state == "waiting"
    assert messages_sent[-1][0] == "workers.tasks.watch_clip"
    # What was refused for good cannot.
    services.refuse_clip(clip=clip, code="clip_damaged")
    page = staffs.get(f"/staff/clips/{clip.pk}/").content.decode()
    assert "Try again" not in page
    answer = staffs.post(f"/staff/clips/{clip.pk}/retry/", follow=True)
    assert str(SENTENCES["clip_gone"]) in answer.content.decode()


def test_a_dogs_staff_page_lists_its_clips(ready, staffs, dog):
    clip = ready()
    page = staffs.get(f"/staff/dogs/{dog.slug}/").content.decode()
    assert f"/staff/clips/{clip.pk}/" in page
    assert "A guess: moves a little" in page
    assert f"/staff/dogs/{dog.slug}/clips/" in page


# Deleting one


def test_a_deleted_clip_leaves_no_file_and_no_job(staffs, ready, dog, media_files, on_commit):
    clip = ready()
    with on_commit():
        staffs.post(f"/staff/clips/{clip.pk}/delete/")
    assert media_files() == []
    assert not Clip.objects.exists()
    post(staffs, dog, sent())
    clip = Clip.objects.get()
    with on_commit():
        staffs.post(f"/staff/clips/{clip.pk}/delete/")
    assert media_files() == []
    assert not Job.objects.open().filter(kind=Job.Kind.WATCH_CLIP).exists()


def test_a_clip_goes_with_its_dog(ready, dog, media_files):
    ready()
    dog.delete()
    assert not Clip.objects.exists()
    # No code deletes dogs; what somebody deletes by hand leaves files to the daily round.
    later = timezone.now() + timedelta(hours=2)
    assert orphans.delete_orphans(now=later, everything=True) == 2
    assert media_files() == []


def test_a_clip_outlives_who_filmed_it(ready, staff):
    clip = ready()
    staff.delete()
    clip.refresh_from_db()
    assert clip.by is None
