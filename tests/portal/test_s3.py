"""Photos in a bucket: the same promises as in a folder, and nothing lost while it is away."""

import hashlib
import io
import urllib.error
import urllib.request
import zipfile
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from botocore.exceptions import ClientError
from botocore.paginate import Paginator
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.api import backups, orphans
from portal.api.services import create_token
from portal.bucket import Bucket
from portal.dogs import pieces, services
from portal.dogs.models import Dog, PartialUpload, Photo
from portal.dogs.storage import delete_files
from portal.dogs.uploads import Refusal
from portal.feeds import archives
from portal.feeds.errors import FeedError
from portal.feeds.models import Archive
from portal.feeds.sources.csvzip import CsvZip
from portal.files import FilesAway, beginning
from portal.matching.models import Query
from portal.media import own_photo_address, query_photo_address
from portal.shelters.services import add_member
from tests.portal.api.test_backups import empty, rows
from tests.portal.test_settings import PRODUCTION, load, value
from tests.portal.test_staff_pages import list_dog
from tests.portal.uploads import jpeg, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bucket")]

SENTENCE = "Photos can&#x27;t be kept just now. Please try again in a minute."


@pytest.fixture(autouse=True)
def member(shelter, staff):
    add_member(shelter=shelter, user=staff)


# What storage does


def test_a_file_is_written_read_and_deleted(bucket, media_files):
    name = default_storage.save("photos/3f/3f00.jpg", ContentFile(b"a picture"))
    assert bucket.files() == [name] == ["photos/3f/3f00.jpg"]
    for _again in range(2):
        with default_storage.open(name) as file:
            assert (file.read(), file.size) == (b"a picture", 9)
    assert beginning(name, 4) == b"a pi"
    assert default_storage.exists(name)
    assert default_storage.size(name) == 9
    default_storage.delete(name)
    default_storage.delete(name)
    assert (bucket.files(), default_storage.exists(name)) == ([], False)
    for ask in (default_storage.open, default_storage.size, lambda n: beginning(n, 4)):
        with pytest.raises(FileNotFoundError):
            ask(name)
    assert media_files() == []


def test_a_large_file_goes_by_way_of_the_disk(bucket, monkeypatch):
    monkeypatch.setattr("portal.bucket.IN_MEMORY", 10)
    name = default_storage.save("archives/3f/3f00.zip", ContentFile(bytes(range(256))))
    with default_storage.open(name) as file:
        assert file.fileno() > 2
        assert file.read() == bytes(range(256))


def test_an_installation_may_have_a_part_of_a_bucket(bucket):
    bucket.use(bucket.endpoint, location="seoul")
    name = default_storage.save("photos/3f/3f00.jpg", ContentFile(b"a picture"))
    assert bucket.files() == [f"seoul/{name}"]
    bucket.put("photos/3f/3f01.jpg")
    assert default_storage.listdir("photos/3f") == ([], ["3f00.jpg"])
    assert [n for n, _ in default_storage.names_and_times("photos/3f")] == [name]


def test_objects_are_private(bucket):
    name = default_storage.save("uploads/3f/3f00", ContentFile(b"a person's photo"))
    granted = bucket.client.get_object_acl(Bucket=bucket.name, Key=name)["Grants"]
    assert [grant["Grantee"]["Type"] for grant in granted] == ["CanonicalUser"]
    assert bucket.client.head_object(Bucket=bucket.name, Key=name)["ContentType"] == (
        "application/octet-stream"
    )


def test_settings_come_from_the_environment():
    options = "STORAGES['default']['OPTIONS']"
    told = {
        "MEDIA_S3_BUCKET": "dogs",
        "MEDIA_S3_ENDPOINT": "https://s3.example/",
        "MEDIA_S3_PREFIX": "/seoul/",
        "MEDIA_S3_ACCESS_KEY": "a",
        "MEDIA_S3_SECRET_KEY": "s",
    }
    assert "FileSystemStorage" in value("STORAGES['default']", **PRODUCTION)
    found = value(options, **PRODUCTION, **told)
    for part in ("'dogs'", "'https://s3.example'", "'location': 'seoul'", "'region_name': None"):
        assert part in found
    refused = load("1", **PRODUCTION, MEDIA_S3_ENDPOINT="s3.example")
    assert "give a scheme and a host" in refused.stderr
    refused = load("1", **PRODUCTION, MEDIA_S3_ACCESS_KEY="a")
    assert "give both or neither" in refused.stderr


# Who sees what


def test_public_photos_are_shown_through_the_portal(client, bucket, listed):
    photo = listed().photos.get()
    answer = client.get(reverse("photo", args=[photo.name, "thumb"]))
    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == bucket.content(photo.thumbnail.name)
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["Content-Length"] == str(len(bucket.content(photo.thumbnail.name)))
    bucket.delete(photo.thumbnail.name)
    assert client.get(reverse("photo", args=[photo.name, "thumb"])).status_code == 404


def test_private_photos_are_shown_by_signed_links_that_end(client, bucket, settings, listed):
    settings.MEDIA_ORIGIN = "https://photos.example"
    settings.ALLOWED_HOSTS = ["testserver", "photos.example"]
    elsewhere = Client(headers={"host": "photos.example"})
    draft = listed(publish=False).photos.get()
    client.post(reverse("search"), {"photo": upload()})
    for address in (own_photo_address(draft, "thumb"), query_photo_address(Query.objects.get().pk)):
        parts = urlsplit(address)
        link = f"{parts.path}?{parts.query}"
        assert elsewhere.get(parts.path).status_code == 404
        answer = elsewhere.get(link)
        assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
        with time_machine.travel(timezone.now() + timedelta(minutes=71)):
            assert elsewhere.get(link).status_code == 404


def test_no_page_leads_to_the_bucket(client, bucket, listed):
    dog = listed()
    for address in (reverse("browse"), f"/dogs/{dog.slug}/", f"/api/v1/dogs/{dog.slug}/"):
        told = client.get(address).content.decode()
        assert bucket.name not in told
        assert urlsplit(bucket.endpoint).netloc not in told


def test_an_address_in_the_bucket_is_signed(bucket):
    """Nobody asks for one; a field's `url` in somebody's template would."""
    name = default_storage.save("photos/3f/3f00.jpg", ContentFile(b"a picture"))
    address = default_storage.url(name)
    assert "X-Amz-Signature=" in address
    assert "X-Amz-Expires=3600" in address
    with urllib.request.urlopen(address) as answer:
        assert answer.read() == b"a picture"


# While it is away


def test_an_adopter_reads_so(client, version, bucket):
    with bucket.away():
        answer = client.post(reverse("search"), {"photo": upload()}, follow=True)
    assert SENTENCE in answer.content.decode()
    assert (Query.objects.count(), bucket.files()) == (0, [])


@pytest.mark.parametrize(
    "refusal",
    [{}, {"bucket_name": "no-such-bucket"}],
    ids=["nobody answers", "the bucket is gone"],
)
def test_a_dog_is_a_draft_until_its_photos_are_kept(client, staff, shelter, bucket, refusal):
    client.force_login(staff)
    with bucket.away(**refusal):
        answer = list_dog(client, shelter)
    assert SENTENCE in answer.content.decode()
    assert Dog.objects.get().status == "draft"
    assert (Photo.objects.count(), bucket.files()) == (0, [])


def test_calls_get_503(staff, make_dog, client, bucket):
    dog = make_dog()
    _token, secret = create_token(user=staff, name="t", scopes=["write"])
    with bucket.away():
        answer = client.post(
            f"/api/v1/dogs/{dog.slug}/photos/",
            {"photos": [upload()]},
            headers={"Authorization": f"Bearer {secret}"},
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_away")
        answer = client.post("/api/v1/searches/", {"image": upload()})
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_away")
    assert bucket.files() == []


def test_a_program_lists_a_dog_with_all_its_photos_or_not_at_all(make_dog, bucket, monkeypatch):
    written = []
    save = Bucket._save

    def once(self, name, content):
        if written:
            raise FilesAway(5, "gone in the middle")
        written.append(save(self, name, content))
        return written[0]

    monkeypatch.setattr(Bucket, "_save", once)
    with pytest.raises(services.PhotosRefused) as refused:
        make_dog(photos=2)
    assert refused.value.refusals[0].code == "storage_away"
    assert written
    assert (Dog.objects.count(), bucket.files()) == (0, [])


def test_a_full_bucket_is_like_a_full_disk(make_dog, bucket, monkeypatch):
    def refuse(self, name, content):
        told = {"Error": {"Code": "QuotaExceeded", "Message": "no more"}}
        raise ClientError(told, "PutObject")

    monkeypatch.setattr("storages.backends.s3.S3Storage._save", refuse)
    [refused] = services.add_photos(dog=make_dog(), files=[upload()])
    assert refused == Refusal("photo.jpg", "storage_full")


def test_a_photo_in_pieces_can_go_on_later(client, staff, make_dog, bucket):
    data = jpeg()
    client.force_login(staff)
    dog = make_dog()
    begun = client.post(
        f"{reverse('staff:uploads')}?dog={dog.slug}", headers={"Upload-Length": str(len(data))}
    )
    address = begun["Location"]

    def send(offset, piece):
        return client.patch(
            address,
            data=piece,
            headers={
                "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream",
            },
        )

    assert send(0, data[:100]).status_code == 204
    with bucket.away():
        answer = send(100, data[100:])
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_away")
    assert PartialUpload.objects.get().received == 100
    # All of it is there, and then what it is cannot be read.
    part = PartialUpload.objects.get()
    pieces.append(upload=part, offset=100, data=data[100:])
    with bucket.away():
        assert send(len(data), b"").status_code == 503
    assert PartialUpload.objects.get().is_complete
    assert send(len(data), b"").status_code == 204
    assert dog.photos.get().sha256 == hashlib.sha256(data).hexdigest()


def test_a_form_whose_pieces_are_away_keeps_them(client, staff, shelter, bucket, on_commit):
    data = jpeg()
    part = pieces.begin(owner=staff, dog=None, name="mine.jpg", length=len(data))
    pieces.append(upload=part, offset=0, data=data)
    client.force_login(staff)
    with bucket.away():
        answer = list_dog(client, shelter, photos=(), uploads=str(part.pk))
    assert SENTENCE in answer.content.decode()
    assert Dog.objects.get().status == "draft"
    assert PartialUpload.objects.get() == part
    assert bucket.files() == part.pieces


def test_a_table_is_taken_whole_or_not_at_all(shelter, staff, bucket):
    table = io.BytesIO()
    with zipfile.ZipFile(table, "w") as file:
        file.writestr("dogs.csv", "dog,name\nnara,Nara\n")
        file.writestr("nara/1.jpg", jpeg())
    sent = ContentFile(table.getvalue(), name="dogs.zip")
    take = {"shelter": shelter, "by": staff, "whole": False, "language": "en"}
    with bucket.away():
        with pytest.raises(archives.ArchiveRefused) as refused:
            archives.take_archive(file=sent, **take)
        assert refused.value.code == "storage_away"
        assert Archive.objects.count() == 0
    archive = archives.take_archive(file=sent, **take)
    settings = {"upload": archive.upload}
    [page] = CsvZip(None, settings, "").pages(since=None, cursor=None)
    assert [record.name for record in page.records] == ["Nara"]
    with bucket.away(), pytest.raises(FilesAway):
        list(CsvZip(None, settings, "").pages(since=None, cursor=None))
    bucket.delete(archive.upload)
    with pytest.raises(FeedError):
        list(CsvZip(None, settings, "").pages(since=None, cursor=None))


def test_photos_are_asked_for_again(client, bucket, listed):
    photo = listed().photos.get()
    address = reverse("photo", args=[photo.name, "thumb"])
    with bucket.away():
        answer = client.get(address)
        assert (answer.status_code, answer["Cache-Control"]) == (503, "private, no-store")
        assert answer["Retry-After"] == "10"
    assert client.get(address).status_code == 200


def test_a_searchs_page_works_without_its_photo(client, bucket, version):
    client.post(reverse("search"), {"photo": upload()})
    query = Query.objects.get()
    with bucket.away():
        assert client.get(reverse("query", args=[query.pk])).status_code == 200
        assert client.get(reverse("query_photo", args=[query.pk])).status_code == 503
    assert client.get(reverse("query_photo", args=[query.pk])).status_code == 200


def test_after_one_has_waited_others_need_not(bucket, monkeypatch):
    with bucket.away():
        with pytest.raises(FilesAway):
            default_storage.open("photos/3f/3f00.jpg")
        # Nobody is asked.
        monkeypatch.setattr(Bucket, "connection", property(lambda self: 1 / 0))
        with pytest.raises(FilesAway):
            default_storage.open("photos/3f/3f00.jpg")


def test_what_cannot_be_deleted_goes_later(bucket):
    name = default_storage.save("queries/3f/3f00.jpg", ContentFile(b"of a search"))
    with bucket.away():
        delete_files([name])
    assert bucket.files() == [name]
    assert orphans.delete_orphans(now=turn_of("3f")) == 1
    assert bucket.files() == []


# Files that no row names


def turn_of(shard):
    """A moment, hours from now, at which this shard is looked through."""
    now = timezone.now() + timedelta(hours=2)
    every = orphans.A_SHARD_EVERY.total_seconds()
    return now + (int(shard, 16) - int(now.timestamp() // every)) % 256 * orphans.A_SHARD_EVERY


def test_orphans_go_and_the_others_stay(bucket, make_dog, monkeypatch):
    dog = make_dog(photos=1)
    kept = dog.photos.get().upload.name
    shard = kept.split("/")[1]
    left = [f"uploads/{shard}/{shard}{n:030x}" for n in range(5)]
    for name in left:
        bucket.put(name)
    later = turn_of(shard)
    assert orphans.delete_orphans(now=later - timedelta(days=1)) == 0
    # More than one page of the bucket's list.
    paginate = Paginator.paginate
    pages = []

    def two_at_once(self, **asked):
        for page in paginate(self, **asked, PaginationConfig={"PageSize": 2}):
            pages.append(page)
            yield page

    monkeypatch.setattr(Paginator, "paginate", two_at_once)
    assert orphans.delete_orphans(now=later) == 5
    monkeypatch.undo()
    assert bucket.files() == [kept]
    assert len(pages) == len(orphans.FOLDERS) + 2
    with bucket.away():
        assert orphans.delete_orphans(now=later) == 0


# Backups


@pytest.fixture
def filled(listed, make_dog, settings, tmp_path, bucket, on_commit):
    settings.MODEL_KEPT_DIR = tmp_path / "models"
    with on_commit():
        listed("Bori", photos=2)
    make_dog("나라", photos=1)
    bucket.put(f"models/{'f' * 64}/embedder.safetensors", b"weights")
    return tmp_path / "pawkin.tar"


def test_a_backup_goes_into_a_tar_and_back(filled, bucket, media, settings):
    before = rows(), {name: bucket.content(name) for name in bucket.files()}
    summary = backups.make_backup(filled)
    assert (summary.missing, summary.files) == (0, len(before[1]))
    empty(media)
    for name in bucket.files():
        bucket.delete(name)
    restored = backups.restore_backup(filled)
    assert restored.rows == summary.rows
    assert (rows(), {name: bucket.content(name) for name in bucket.files()}) == before
    # On this machine's disk as well, where a worker reads them.
    weights = settings.MODEL_KEPT_DIR / ("f" * 64) / "embedder.safetensors"
    assert weights.read_bytes() == b"weights"


def test_what_a_folder_gave_goes_into_a_bucket(filled, bucket, media, settings, tmp_path):
    backups.make_backup(filled)
    names = set(bucket.files())
    empty(media)
    other = type(bucket)(bucket.endpoint, settings)
    backups.restore_backup(filled)
    assert set(other.files()) == names


def test_no_backup_is_made_of_a_bucket_that_is_away(filled, bucket):
    with bucket.away(), pytest.raises(CommandError, match="does not answer"):
        call_command("backup", str(filled))
    assert not filled.exists()


def test_a_restore_that_fails_leaves_what_the_bucket_had(filled, bucket, media, monkeypatch):
    backups.make_backup(filled)
    before = bucket.files()
    bucket.delete(before[-1])
    empty(media)

    def fail():
        raise FilesAway(5, "gone at the end")

    monkeypatch.setattr("portal.api.backups.reset_sequences", fail)
    with pytest.raises(CommandError, match="does not answer"):
        call_command("restore", str(filled))
    assert bucket.files() == before[:-1]
    assert Dog.objects.count() == 0
