"""Workers while the bucket with the photos is away: work waits, and no photo is to blame."""

import io
import uuid
import zipfile

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.files.base import ContentFile
from django.utils import timezone

from ml.errors import ModelMismatch, ModelMissing
from portal.bucket import Bucket
from portal.dogs import services as dogs
from portal.dogs.models import Photo
from portal.feeds.archives import apply_archive, take_archive
from portal.feeds.models import Archive, FeedPhoto, FeedRejection
from portal.files import FilesAway
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.models import Embedding, Rejection
from tests.workers.conftest import picture
from tests.workers.test_weights import delivered
from workers import tasks, weights
from workers.keeper import keeper

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bucket")]

BROWN = (150, 90, 40)


@pytest.fixture
def take(act, outbox):
    """Does the next message as a worker does."""

    def one():
        with act():
            tasks.run(outbox.pop(0))

    return one


@pytest.fixture
def sweep(act, outbox):
    """As the schedule has it a while later."""

    def later():
        Job.objects.update(sent_at=timezone.now() - jobs.RESEND_WHEN_BUSY * 2)
        with act():
            jobs.sweep()

    return later


def waits(job):
    job.refresh_from_db()
    return (job.state, job.attempts, job.step, job.error_code) == (Job.State.QUEUED, 0, "", "")


def test_a_photo_waits_until_it_can_be_read(
    version, list_dog, bucket, take, sweep, run, outbox, job_of
):
    photo = list_dog("Bori", BROWN).photos.get()
    for _many in range(5):
        with bucket.away():
            take()
        job = job_of(Job.Kind.INDEX_PHOTO, photo.pk)
        assert waits(job)
        # Nothing turns in circles meanwhile.
        assert outbox == []
        sweep()
        assert outbox == [str(job.pk)]
    photo.refresh_from_db()
    assert (photo.state, photo.error_code, bool(photo.upload)) == ("waiting", "", True)
    run()
    photo.refresh_from_db()
    assert photo.state == "searchable"
    assert Embedding.objects.filter(photo=photo).count() == 1


def test_a_photo_whose_pictures_cannot_be_stored_waits_whole(
    version, list_dog, bucket, take, sweep, run, monkeypatch, job_of
):
    photo = list_dog("Bori", BROWN).photos.get()
    before = bucket.files()
    save = Bucket._save

    def pictures_only(self, name, content):
        if name.startswith("thumbnails/"):
            self._client.meta.events.register("before-send.s3", unreachable)
        return save(self, name, content)

    def unreachable(**_):
        raise EndpointConnectionError(endpoint_url="http://gone")

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "_save", pictures_only)
        take()
    # The first of the two pictures could not be deleted either, and goes as orphans do.
    left = set(bucket.files()) - set(before)
    assert {name.partition("/")[0] for name in left} == {"photos"}
    assert waits(job_of(Job.Kind.INDEX_PHOTO, photo.pk))
    photo.refresh_from_db()
    assert (photo.state, photo.image.name) == ("waiting", "")
    bucket.use(bucket.endpoint)
    sweep()
    run()
    photo.refresh_from_db()
    assert photo.state == "searchable"
    assert photo.image.name not in left


def test_a_search_waits_and_is_answered(version, list_dog, search, bucket, take, sweep, run):
    list_dog("Bori", BROWN)
    run()
    query = search(BROWN)
    with bucket.away():
        take()
    query.refresh_from_db()
    assert query.error_code == ""
    sweep()
    run()
    assert [match.dog.name for match in query.rankings.get().matches.all()] == ["Bori"]


@pytest.mark.parametrize("photos", [2, 5])
def test_a_reindex_goes_on_where_it_was(
    version, list_dog, bucket, take, sweep, run, outbox, photos, job_of
):
    """Also where it was told to take photos one by one, because its worker had died."""
    for n in range(photos):
        list_dog(f"dog {n}", (150, 90, 40 + n))
    run()
    building = services.request_reindex(version_name=None, by=None, rebuild=True)
    job = job_of(Job.Kind.REINDEX, building.pk)
    Job.objects.filter(pk=job.pk).update(attempts=1)
    with bucket.away():
        tasks.run(str(job.pk))
    job.refresh_from_db()
    assert (job.state, job.attempts, job.step) == (Job.State.QUEUED, 1, "")
    assert not Rejection.objects.exists()
    sweep()
    run()
    building.refresh_from_db()
    assert building.state == "active"
    assert Embedding.objects.filter(version=building).count() == photos
    assert not Rejection.objects.exists()


def test_smaller_pictures_are_made_later(version, list_dog, bucket, run, act, outbox, take):
    photo = list_dog("Bori", BROWN).photos.get()
    run()
    with act():
        tasks.vary_photos()
    job = Job.objects.get(kind=Job.Kind.MAKE_VARIANTS)
    with bucket.away():
        tasks.run(str(job.pk))
    photo.refresh_from_db()
    assert photo.variants is None
    assert waits(job)
    tasks.run(str(job.pk))
    photo.refresh_from_db()
    assert set(photo.variants) == {"a480", "a960", "w960"}


def test_a_crop_is_made_later(version, list_dog, bucket, run):
    photo = list_dog("Bori", BROWN).photos.get()
    run()
    photo.refresh_from_db()
    job = dogs.crop_photo(photo=photo, box=[0, 0, 0.9, 0.9])
    with bucket.away():
        tasks.run(str(job.pk))
    photo.refresh_from_db()
    assert (photo.state, photo.error_code, photo.crop) == ("searchable", "", [0, 0, 0.9, 0.9])
    tasks.run(str(job.pk))
    assert not Photo.objects.filter(pk=photo.pk).exists()
    assert photo.dog.photos.count() == 1


def test_a_table_and_its_photos_are_taken_later(
    version, shelter, staff, bucket, act, take, sweep, run, monkeypatch
):
    table = io.BytesIO()
    with zipfile.ZipFile(table, "w") as file:
        file.writestr("dogs.csv", "dog,name\nnara,Nara\n")
        file.writestr("nara/1.jpg", picture(BROWN))
    sent = ContentFile(table.getvalue(), name="dogs.zip")
    with act():
        archive = take_archive(shelter=shelter, by=staff, file=sent, whole=False, language="en")
    with bucket.away():
        take()
    archive.refresh_from_db()
    assert archive.state == Archive.State.READING
    sweep()
    take()
    archive.refresh_from_db()
    assert archive.state == Archive.State.READY
    # The same table as a feed: the source answers, and then its photo cannot be stored.
    with act():
        apply_archive(archive=archive)
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "_save", away)
        take()
    photo = FeedPhoto.objects.get()
    assert (photo.photo, photo.error_code, FeedRejection.objects.count()) == (None, "", 0)
    sweep()
    run()
    photo.refresh_from_db()
    assert photo.photo.state == "searchable"


def away(self, name, content):
    raise FilesAway(5, "away", name)


def test_a_job_that_was_given_to_another_is_left_alone(version, list_dog, bucket, outbox):
    list_dog("Bori", BROWN)
    job = jobs.start(job_id=outbox[0], worker="interactive@here")
    Job.objects.update(lease=uuid.uuid4())
    assert not jobs.postpone(job=job)
    Job.objects.update(lease=job.lease)
    assert jobs.postpone(job=job)
    assert not jobs.postpone(job=job)
    assert keeper.jobs == []


# Weights


def test_another_machine_fetches_weights_from_the_bucket(folders, bucket, tmp_path):
    old = delivered(folders, b"old")
    weights.keep(old)
    assert bucket.files() == [f"models/{old.fingerprint}/net.safetensors"]
    delivered(folders, b"new")
    folders.MODEL_KEPT_DIR = tmp_path / "on another machine"
    with bucket.away(), pytest.raises(ModelMissing, match="does not answer"):
        weights.directory_of(old)
    assert (weights.directory_of(old) / "net.safetensors").read_bytes() == b"old"
    # From its disk the next time.
    with bucket.away():
        assert weights.directory_of(old) == folders.MODEL_KEPT_DIR / old.fingerprint


def test_other_weights_than_the_specs_are_refused(folders, bucket, tmp_path):
    old = delivered(folders, b"old")
    weights.keep(old)
    bucket.put(f"models/{old.fingerprint}/net.safetensors", b"forged")
    delivered(folders, b"new")
    folders.MODEL_KEPT_DIR = tmp_path / "on another machine"
    with pytest.raises(ModelMismatch):
        weights.directory_of(old)
    assert list(folders.MODEL_KEPT_DIR.iterdir()) == []


def test_weights_that_are_nowhere_are_said_to_be(folders, bucket):
    old = delivered(folders, b"old")
    (folders.MODEL_WEIGHTS_DIR / "net.safetensors").unlink()
    with pytest.raises(ModelMissing, match="is missing"):
        weights.directory_of(old)


def test_the_bucket_has_the_weights_in_use_and_no_other(folders, bucket):
    live, tried = (delivered(folders, content) for content in (b"live", b"tried"))
    services.register_specs(specs=[live], default="starter")
    for one, content in ((live, b"live"), (tried, b"tried")):
        delivered(folders, content)
        weights.keep(one)
    assert {name.split("/")[1] for name in bucket.files()} == {live.fingerprint, tried.fingerprint}
    delivered(folders, b"live")
    weights.keep(live)
    assert {name.split("/")[1] for name in bucket.files()} == {live.fingerprint}


def test_a_bucket_that_is_away_stops_no_worker_that_has_its_weights(folders, bucket):
    spec = delivered(folders, b"now")
    with bucket.away():
        weights.keep(spec)
    assert (folders.MODEL_KEPT_DIR / spec.fingerprint).is_dir()
    weights.keep(spec)
    assert bucket.files() == [f"models/{spec.fingerprint}/net.safetensors"]
