"""What no honest browser sends, through the real pages: no answer of 5xx, and after a refusal
neither a file without a row nor a row without a file."""

import base64
import io
import json
import uuid
import zipfile
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.test.client import BOUNDARY, encode_multipart
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts.models import User
from portal.clips.models import Clip
from portal.clips.services import delete_clip
from portal.dogs.models import Dog, PartialUpload, Photo
from portal.dogs.services import create_dog, delete_photo
from portal.feeds.models import Archive
from portal.feeds.secrets import encrypt
from portal.feeds.services import create_feed
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Match, ModelVersion, Query, Ranking
from portal.publishing.models import Webhook
from portal.shelters.services import add_member, create_shelter
from tests.fuzz import annotations, films, images, tables
from tests.fuzz.examples import examples
from tests.fuzz.filters import VALUES
from tests.fuzz.mutation import ODD_NUMBERS, ODD_TEXTS, changed, changed_json, changed_text
from tests.histogram import spec
from tests.portal.uploads import upload

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]

ODD_TYPES = (
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=é",
    f"multipart/form-data; boundary={BOUNDARY}; charset=utf-7",
    f"multipart/form-data; boundary={BOUNDARY * 9}", "multipart/mixed; boundary=a",
    "application/x-www-form-urlencoded; charset=punycode", "application/json", "text/plain", "",
    "application/offset+octet-stream; a=b", "image/jpeg", "multipart/form-data; boundary*=utf-8''a",
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_messages(monkeypatch):
    monkeypatch.setattr("portal.jobs.services.app.send_task", lambda *_args, **_options: None)


@pytest.fixture
def shelter():
    return create_shelter(name="Haneul")


@pytest.fixture
def staff(shelter):
    user = User.objects.create_user("staff@example.org", "secret")
    add_member(shelter=shelter, user=user)
    return user


@pytest.fixture
def dog(shelter, staff):
    dog = create_dog(
        shelter=shelter, by=staff, fields={"name": "Bori"}, photos=[upload()], publish=True
    )
    # As a worker leaves it.
    dog.photos.update(state=Photo.State.SEARCHABLE)
    return dog


@pytest.fixture
def version(db):
    services.register_specs(specs=[spec()], default="starter")
    return ModelVersion.objects.active().get()


@pytest.fixture
def sent(media, django_capture_on_commit_callbacks):
    """Sends a request and holds the answer, files and rows to what is promised."""

    def named():
        rows = [
            *Photo.objects.values_list("upload", "image", "thumbnail"),
            *Query.objects.values_list("upload", "image"),
            *Archive.objects.values_list("upload"),
            *Clip.objects.values_list("upload", "film", "poster"),
            *PartialUpload.objects.values_list("pieces", flat=True),
        ]
        return {name for row in rows for name in row if name}

    def stored():
        return {str(path.relative_to(media)) for path in Path(media).rglob("*") if path.is_file()}

    def send(client, method, path, body=b"", content_type="", refused=None, **headers):
        cache.clear()
        before = stored()
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.generic(method, path, body, content_type=content_type, headers=headers)
            if answer.streaming:
                b"".join(answer.streaming_content)
        late = answer.status_code == 503 and answer.json()["code"] == "timed_out"
        assert answer.status_code < 500 or late, (answer.status_code, path)
        assert stored() == named()
        if answer.status_code >= 400 or "problem=" in answer.headers.get("Location", ""):
            assert stored() <= before
        return answer

    return send


def spoilt(target, random, most=2):
    """One of a target's seeds, changed so often at most."""
    data = random.choice(target.seeds())
    for _ in range(random.randrange(most + 1)):
        data = target.mutated(data, random, lambda told: changed(told, random))
    return data


def picture(random):
    """A picture that is changed, or none at all."""
    return spoilt(images, random)


def odd(random):
    return random.choice((*map(str, ODD_NUMBERS), *ODD_TEXTS, *VALUES, str(uuid.UUID(int=0))))


def form(random, fields, files):
    """A multipart body, most of the time one that can be read, and its type."""
    data = {name: (odd(random) if not random.randrange(4) else v) for name, v in fields.items()}
    for name, content in files.items():
        file = io.BytesIO(content)
        file.name = changed_text("photo.jpg", random) if not random.randrange(3) else "photo.jpg"
        file.name = file.name.encode("utf-8", "ignore").decode() or "a"
        data[name] = file
    clean = {
        n: v if not isinstance(v, str) else v.encode("utf-8", "ignore") for n, v in data.items()
    }
    body = encode_multipart(BOUNDARY, clean)
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    match random.randrange(5):
        case 0:
            start = body[:400]
            body = changed(start, random) + body[400:]
        case 1:
            body = body[: random.randrange(len(body) + 1)]
        case 2:
            kind = random.choice(ODD_TYPES)
    return body, kind


def seeds_of_chance(test):
    return given(st.integers(0, 2**32))(test)


def test_searches(sent, dog):
    @examples(80)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        fields = {
            "mode": random.choice(("dog", "lost", "face")), "consent": "yes", "near": "37.1,127.1",
            "example": "", "q": odd(random), "size": "m", "energy": "2-4",
        }  # fmt: skip
        body, kind = form(random, fields, {"photo": picture(random)})
        sent(Client(), "POST", "/search/", body, kind)

    check()


def test_searches_of_the_api(sent, dog, settings):
    # Some calls wait for a worker, of which there is none.
    settings.SIMILAR_DOG_WAIT_SECONDS = 0

    @examples(80)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        fields = random.choice(({}, {"consent": "true"}, {"size": "m", "near": odd(random)}))
        path = random.choice(
            ("/api/v1/searches/", "/api/v1/similar-dog", "/api/v1/predict", "/predict")
        )
        name = random.choice(("image", "image", "file", "photo"))
        body, kind = form(random, fields, {name: picture(random)})
        key = {"Idempotency-Key": odd(random).encode("ascii", "ignore").decode()}
        sent(Client(), "POST", path, body, kind, **(key if random.randrange(2) else {}))

    check()


def test_photos_of_a_dog(sent, dog, staff, django_capture_on_commit_callbacks):
    client = Client()
    client.force_login(staff)
    paths = [
        f"/staff/dogs/{dog.slug}/photos/add/", f"/staff/dogs/{dog.slug}/",
        f"/api/v1/dogs/{dog.slug}/photos/", "/staff/dogs/new/", "/staff/photo-hints/",
    ]  # fmt: skip

    @examples(80)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        fields = {"name": "Coco", "shelter": "1", "weight_kg": "4", "uploads": odd(random)}
        body, kind = form(random, fields, {random.choice(("photos", "photo")): picture(random)})
        sent(client, "POST", random.choice(paths), body, kind)
        # A dog that has all its photos takes no more.
        if dog.photos.count() > 10:
            with django_capture_on_commit_callbacks(execute=True):
                for late in dog.photos.order_by("-pk")[:5]:
                    delete_photo(photo=late)

    check()


def test_photos_in_pieces(sent, dog, staff):
    client = Client()
    client.force_login(staff)

    @examples(80)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        PartialUpload.objects.filter(pieces=[]).delete()
        data = picture(random)[:60_000]
        length = str(len(data)) if random.randrange(4) else header(random)
        name = base64.b64encode(changed("보리.jpg".encode(), random, 300)).decode()
        metadata = f"filename {name}" if random.randrange(4) else header(random)
        query = random.choice(("", f"?dog={quote(dog.slug)}", "?dog=nobody"))
        answer = sent(
            client, "POST", f"/staff/uploads/{query}",
            **{"Upload-Length": length, "Upload-Metadata": metadata},
        )  # fmt: skip
        if answer.status_code != 201:
            return
        place, at = answer["Location"], 0
        kind = "application/offset+octet-stream"
        for _ in range(4):
            size = random.choice((1, 100, len(data)))
            offset = str(at) if random.randrange(6) else header(random)
            told = kind if random.randrange(8) else random.choice(ODD_TYPES)
            piece = data[at : at + size]
            answer = sent(client, "PATCH", place, piece, told, **{"Upload-Offset": offset})
            if answer.status_code == 204:
                at = int(answer["Upload-Offset"])
            sent(client, random.choice(("HEAD", "DELETE", "HEAD", "HEAD")), place)

    check()


def header(random):
    """A header's value as a server hands it on: Latin-1, one line."""
    value = random.choice((*ODD_TEXTS, *map(str, ODD_NUMBERS), "filename", "filename YQ=", "a b,c"))
    return value.encode("ascii", "ignore").decode().replace("\r", "").replace("\n", "")


def test_films(sent, dog, staff, django_capture_on_commit_callbacks):
    client = Client()
    client.force_login(staff)

    @examples(60)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        data = spoilt(films, random)
        body, kind = form(random, {"seconds": "7"}, {random.choice(("film", "films")): data})
        accept = {"Accept": "application/json"} if random.randrange(2) else {}
        sent(client, "POST", f"/staff/dogs/{dog.slug}/clips/", body, kind, **accept)
        # A dog that has all its clips takes no more.
        if dog.clips.count() > 8:
            with django_capture_on_commit_callbacks(execute=True):
                for late in dog.clips.all()[:5]:
                    delete_clip(clip=late)

    check()
    assert Clip.objects.exists()


def test_points_of_a_photo(sent, dog, staff):
    client = Client()
    client.force_login(staff)
    photo = dog.photos.get()
    Photo.objects.update(image=photo.upload.name, width=96, height=80)
    kind = "application/x-www-form-urlencoded"

    @examples(40)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        data = spoilt(annotations, random, most=3)
        told = kind if random.randrange(8) else random.choice(ODD_TYPES)
        place = f"/staff/annotate/{photo.pk}/{random.choice(('', '', 'skip/', 'delete/'))}"
        sent(client, "POST", place, data, told)
        if not random.randrange(4):
            sent(client, "GET", "/staff/annotations.zip")

    check()


def test_what_is_pressed_in_an_answer(sent, dog, shelter, staff, version):
    other = create_dog(shelter=shelter, by=staff, fields={"name": "Coco"}, photos=[], publish=True)
    ranking = Ranking.objects.create(dog=dog, filters_key=Filters().key(), filters={})
    match = Match.objects.create(
        ranking=ranking, dog=other, photo=dog.photos.get(), rank=1, similarity=0.5, score=50,
        band="weak", parts={"appearance": 0.5},
    )  # fmt: skip
    client = Client()
    kind = "application/x-www-form-urlencoded"

    @examples(80)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        fields = {
            "dog": str(other.pk), "hide": random.choice(("yes", "no")), "match": str(match.pk),
            "keep": random.choice(("yes", "no")), "next": odd(random), "words": "yes",
            "email": "kim@example.org", "consent": "yes", "name": "Kim", "text": "May we come?",
            "submission": str(uuid.UUID(int=7)),
        }  # fmt: skip
        for name in list(fields):
            if not random.randrange(4):
                fields[name] = odd(random)
        body = "&".join(
            f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}"
            for name, value in fields.items()
        )
        place = random.choice(
            (f"/dogs/{dog.slug}/similar/hide/", f"/dogs/{other.slug}/keep/",
             f"/dogs/{dog.slug}/similar/save/", f"/dogs/{other.slug}/ask/")
        )  # fmt: skip
        htmx = {"HX-Request": "true", "HX-Current-URL": header(random)}
        answer = sent(client, "POST", place, body.encode(), kind,
                      **(htmx if random.randrange(2) else {}))  # fmt: skip
        assert answer.headers.get("Location", "/").startswith("/")
        assert not answer.headers.get("Location", "/").startswith(("//", "/\\"))

    check()


def test_bodies_of_the_api(sent, dog, shelter, staff, version, monkeypatch):
    monkeypatch.setattr("portal.throttles.Rate.allow_request", lambda *_: True)
    User.objects.filter(pk=staff.pk).update(is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=staff.pk))
    hook = Webhook.objects.create(
        owner=staff, shelter=shelter, url="https://a.example/", secret=encrypt("s")
    )
    feed = create_feed(shelter=shelter, kind="asm3", name="asm")
    wishes = {"size": ["m"], "energy": "2-4", "near": "37.1,127.1", "good_with_cats": "yes"}
    fields = {
        "name": "Coco", "breeds": ["maltese"], "mixed": True, "sex": "male", "weight_kg": 4.5,
        "birth_date": "2024-05-01", "birth_precision": "month", "colours": ["white"],
        "tags": ["calm"], "temperament": {"energy": 3, "good_with_cats": "yes"},
        "description": "d", "bonded_with": None, "neutered": None, "status": "available",
    }  # fmt: skip
    calls = [
        ("POST", "dogs/", {**fields, "shelter": shelter.slug}),
        ("PATCH", f"dogs/{dog.slug}/", fields),
        ("PUT", f"dogs/{dog.slug}/photos/order/", {"photos": [dog.photos.get().pk]}),
        ("PUT", f"favourites/{dog.slug}/", {}),
        ("POST", "saved-searches/", {"dog": dog.slug, "email": "a@example.org", "wishes": wishes,
                                     "language": "ko", "consent": True}),
        ("POST", "enquiries/", {"dog": dog.slug, "name": "Kim", "email": "a@example.org",
                                "text": "?", "language": "en"}),
        ("POST", "webhooks/", {"url": "https://93.184.216.34/", "events": ["dog.listed"],
                               "shelter": shelter.slug}),
        ("PATCH", f"webhooks/{hook.pk}/", {"active": False, "events": []}),
        ("POST", "feeds/", {"shelter": shelter.slug, "kind": "asm3", "name": "n",
                            "settings": {"address": "https://a.example/"}, "key": "k"}),
        ("PATCH", f"feeds/{feed.pk}/", {"settings": {"address": "https://a.example/"},
                                        "every_hours": 3}),
        ("POST", "tokens/", {"name": "t", "scopes": ["write"], "shelter": shelter.slug}),
        ("POST", f"model-versions/{version.pk}/activate/", {}),
        ("POST", "reindex/", {"version": version.pk, "shelter": shelter.slug}),
    ]  # fmt: skip

    @examples(120)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        method, place, told = random.choice(calls)
        for _ in range(random.randrange(4)):
            told = changed_json(told, random)
        body = json.dumps(told, ensure_ascii=bool(random.randrange(2)))
        data = body.encode("utf-8", "surrogatepass")
        if not random.randrange(6):
            data = changed(data, random)
        point = transaction.savepoint()
        sent(client, method, f"/api/v1/{place}", data, "application/json")
        transaction.savepoint_rollback(point)

    check()


def test_tables(sent, shelter, staff):
    client = Client()
    client.force_login(staff)

    @examples(60)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        data = spoilt(tables, random)
        fields = {"shelter": str(shelter.pk), "whole": random.choice(("", "on"))}
        body, kind = form(random, fields, {"archive": data})
        sent(client, "POST", "/staff/import/", body, kind)

    check()


PAGES = (
    "/", "/dogs/", "/dogs/{slug}/", "/dogs/{slug}/similar/", "/dogs/{slug}/sheet/", "/favourites/",
    "/api/v1/dogs/", "/api/v1/dogs/{slug}/", "/api/v1/dogs/{slug}/similar/", "/api/v1/breeds/",
    "/api/v1/shelters/", "/embed/dogs/", "/feeds/dogs.rss", "/feeds/dogs.atom", "/sitemap.xml",
    "/photos/{name}/full/", "/search/{uuid}/", "/search/{uuid}/compare/1/",
    "/api/v1/searches/{uuid}/", "/survey/",
    "/saved-searches/confirm/", "/saved-searches/unsubscribe/", "/invitations/{slug}/",
    "/enquiries/confirm/", "/dogs/{slug}/ask/",
)  # fmt: skip
PARAMETERS = (
    "page", "cursor", "limit", "near", "within", "since", "q", "sort", "energy", "breed", "shelter",
    "size", "status", "photo", "token", "problem", "mode", "lang", "format", "show", "key",
)  # fmt: skip


def test_addresses(sent, dog):
    photo = dog.photos.get()

    @examples(150)
    @seeds_of_chance
    def check(seed):
        random = Random(seed)
        slug = dog.slug if random.randrange(4) else odd(random)
        path = random.choice(PAGES).format(
            slug=quote(slug.encode("utf-8", "ignore"), safe=""),
            name=photo.name,
            uuid=uuid.UUID(int=5),
        )
        pairs = [
            f"{random.choice(PARAMETERS)}={quote(odd(random).encode('utf-8', 'surrogatepass'))}"
            for _ in range(random.randrange(4))
        ]
        headers = {
            name: header(random)
            for name in ("Accept", "Accept-Language", "Range", "If-None-Match", "If-Modified-Since",
                         "X-Search-Secret", "Authorization", "Cookie", "HX-Request", "Host-Not")
            if not random.randrange(4)
        }  # fmt: skip
        sent(Client(), random.choice(("GET", "GET", "HEAD", "POST", "OPTIONS")),
             f"{path}?{'&'.join(pairs)}", **headers)  # fmt: skip

    check()


@pytest.mark.parametrize(
    ("charset", "words"),
    [("zlib", "a"), ("idna", "a"), ("utf-7", "+2AA-"), ("unicode_escape", "\\ud800")],
)
def test_a_charset_that_no_browser_sends(sent, dog, charset, words):
    kind = f"multipart/form-data; boundary={BOUNDARY}; charset={charset}"
    body = encode_multipart(BOUNDARY, {"q": words, "photo": upload()})
    sent(Client(), "POST", "/search/", body, kind)


def test_a_body_that_is_no_archive_leaves_nothing(sent, shelter, staff, media):
    client = Client()
    client.force_login(staff)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("dogs.csv", "dog\n")
    file = io.BytesIO(out.getvalue()[:-10])
    file.name = "dogs.zip"
    body = encode_multipart(BOUNDARY, {"shelter": shelter.pk, "archive": file})
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    assert sent(client, "POST", "/staff/import/", body, kind).status_code == 422
    assert not Dog.objects.exists()
