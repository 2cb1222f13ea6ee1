"""A folder of dogs: what is read, what is reported, what a second run changes."""

import os

import pytest
from django.core.management import CommandError, call_command

from portal.accounts.models import User
from portal.dogs.imports import PHOTOS_PER_DOG, read_folder, readable_name
from portal.dogs.models import Dog, Photo
from portal.jobs.models import Job
from portal.shelters.models import Shelter
from tests.portal.uploads import jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "data"
    return settings.DATA_DIR


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "dogs"
    folder.mkdir()
    return folder


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg())


def table(folder, text, encoding="utf-8"):
    (folder / "dogs.csv").write_bytes(text.encode(encoding))


def load(folder, *options, capsys=None):
    call_command("load_dogs", str(folder), "--no-index-wait", *options)
    return capsys.readouterr() if capsys else None


def test_names_are_made_readable():
    assert readable_name("bella_02") == "Bella 02"
    assert readable_name("dog.17") == "Dog 17"
    assert readable_name("콩이") == "콩이"


def test_a_folder_a_dog_and_a_loose_photo_a_dog(folder):
    put(folder, "bori/2.jpg", "bori/10.jpg", "bori/1.jpg", "max.png", ".hidden.jpg", "notes.txt")
    load(folder)
    assert sorted(Dog.objects.values_list("name", flat=True)) == ["Bori", "Max"]
    bori = Dog.objects.get(name="Bori")
    assert bori.photos.count() == 3
    assert bori.status == Dog.Status.AVAILABLE
    assert (bori.sex, bori.birth_date, bori.weight_kg) == (Dog.Sex.UNKNOWN, None, None)
    assert not bori.temperament.exists()


def test_photos_are_in_the_order_people_count(folder):
    put(folder, "bori/10.jpg", "bori/9.jpg")
    (listing,) = read_folder(folder).listings
    assert [path.name for path in listing.photos] == ["9.jpg", "10.jpg"]


def test_bulk_loads_wait_behind_nobody(folder):
    put(folder, "a.jpg", "b.jpg")
    load(folder)
    assert set(Job.objects.values_list("queue", flat=True)) == {Job.Queue.BATCH}
    assert Job.objects.count() == 2


def test_dogs_without_a_shelter_are_spread_over_three(folder):
    put(folder, *(f"{number}.jpg" for number in range(6)))
    load(folder)
    assert sorted(shelter.dogs.count() for shelter in Shelter.objects.all()) == [2, 2, 2]


def test_loading_again_adds_only_what_is_new(folder, capsys):
    put(folder, "bori/1.jpg", "max.jpg")
    load(folder)
    Dog.objects.filter(name="Max").update(name="Maximilian")
    put(folder, "new.jpg")
    said = load(folder, capsys=capsys).out
    assert sorted(Dog.objects.values_list("name", flat=True)) == ["Bori", "Maximilian", "New"]
    assert Photo.objects.count() == 3
    assert "1 dogs with 1 photos added, 2 were there already" in said


def test_facts_from_the_table(folder):
    put(folder, "bori/1.jpg", "nari.jpg")
    table(
        folder,
        "dog,name,shelter,sex,birth_date,weight_kg,breeds,mixed,colours,neutered,status,"
        "good_with_cats,energy,tags,bonded_with,description\n"
        "bori,Bori,Haneul,Female,2021-05,8.80,Jindo|Beagle,no,brown|white,yes,on_hold,"
        'selective,4,calm|loves snow,nari.jpg,"Shy at first,\nthen your shadow"\n'
        "nari.jpg,,haneul,unknown,2019,,,,,unknown,,unknown,,,,\n",
    )
    load(folder)
    bori, nari = Dog.objects.get(name="Bori"), Dog.objects.get(name="Nari")
    assert Shelter.objects.count() == 1
    assert (bori.sex, bori.status, bori.mixed, bori.neutered) == ("female", "on_hold", False, True)
    assert (str(bori.birth_date), bori.birth_precision) == ("2021-05-01", "month")
    assert str(bori.weight_kg) == "8.80"
    assert sorted(breed.slug for breed in bori.breeds.all()) == ["beagle", "jindo"]
    assert bori.colours == ["brown", "white"]
    assert bori.tags == ["calm", "loves snow"]
    assert bori.description == "Shy at first,\nthen your shadow"
    known = {value.trait: value.answer or value.level for value in bori.temperament.all()}
    assert known == {"good_with_cats": "selective", "energy": 4}
    assert bori.bonded_with == nari
    assert nari.bonded_with == bori
    assert (nari.birth_precision, nari.neutered, nari.status) == ("year", None, "available")


def test_a_table_from_a_korean_spreadsheet(folder):
    put(folder, "1.jpg")
    table(folder, "dog,name\n1.jpg,콩이\n", encoding="cp949")
    load(folder)
    assert Dog.objects.get().name == "콩이"


def test_each_bad_row_is_reported_with_its_line_and_the_others_are_kept(folder, capsys):
    put(folder, "good.jpg", "a.jpg", "b.jpg")
    table(
        folder,
        "dog,sex,weight_kg,energy,colours,fur\n"
        "a.jpg,m,0,9,pink,long\n"
        "../outside.jpg,,,,,\n"
        "gone.jpg,,,,,\n"
        "good.jpg,,,,,\n"
        "good.jpg,,,,,\n",
    )
    said = load(folder, capsys=capsys).err
    assert [dog.name for dog in Dog.objects.all()] == ["Good"]
    first, outside, gone, twice = (line for line in said.splitlines() if "line" in line)
    assert "line 2: " in first
    assert all(column in first for column in ("sex", "weight_kg", "energy", "pink"))
    assert "line 3: “dog” must name" in outside
    assert "line 4: “gone.jpg” is not there." in gone
    assert "line 6: “good.jpg” is in the table twice" in twice
    assert "Column “fur” is not known" in said


def test_a_bad_file_costs_itself_only(folder, capsys):
    put(folder, "bori/1.jpg", "max.jpg")
    (folder / "bori/2.jpg").write_bytes(b"<html>")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "nothing").mkdir()
    said = load(folder, capsys=capsys).err
    assert Dog.objects.get(name="Bori").photos.count() == 1
    assert Dog.objects.count() == 2
    assert "bori/2.jpg: This file is not a photo." in said
    assert "empty.jpg: This file is empty." in said
    assert "nothing: There is no photo of this dog." in said


def test_photos_left_out_are_counted(folder, capsys):
    put(folder, *(f"bori/{number}.jpg" for number in range(PHOTOS_PER_DOG + 3)))
    said = load(folder, capsys=capsys).err
    assert Photo.objects.count() == PHOTOS_PER_DOG
    assert f"3 of {PHOTOS_PER_DOG + 3} photos left out" in said


def test_a_partner_that_is_not_there_is_reported(folder, capsys):
    put(folder, "a.jpg", "b.jpg", "c.jpg")
    table(folder, "dog,shelter,bonded_with\na.jpg,X,b.jpg\nb.jpg,X,\nc.jpg,X,b.jpg\n")
    said = load(folder, capsys=capsys).err
    assert "line 4: bonded_with: one of the two is bonded with another" in said
    assert Dog.objects.get(name="A").bonded_with.name == "B"
    assert load(folder, capsys=capsys).err.count("bonded_with") == 1


def test_limit(folder):
    put(folder, "a.jpg", "b.jpg", "c.jpg")
    load(folder, "--limit", "2")
    assert [dog.name for dog in Dog.objects.order_by("name")] == ["A", "B"]


@pytest.mark.parametrize(
    "prepare", [lambda folder: None, lambda folder: table(folder, "name\nx\n")]
)
def test_nothing_to_load_is_an_error(folder, prepare):
    prepare(folder)
    with pytest.raises(CommandError):
        load(folder)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(CommandError, match="is not a folder"):
        load(tmp_path / "nowhere")


def test_demo_logins_work_and_only_their_owner_can_read_them(folder, data, client, capsys):
    put(folder, "a.jpg")
    said = load(folder, "--demo", capsys=capsys).out
    note = data / "demo-logins.txt"
    assert os.stat(note).st_mode & 0o777 == 0o600
    logins = [line.split() for line in note.read_text().splitlines()]
    assert [role for role, _, _ in logins] == ["staff", "adopter", "admin"]
    for _role, email, password in logins:
        assert email in said
        assert client.login(username=email, password=password)
    staff = User.objects.get(email="staff@pawkin.example")
    assert Dog.objects.editable_by(staff).count() == 1
    assert not User.objects.get(email="adopter@pawkin.example").memberships.exists()
    assert User.objects.get(email="admin@pawkin.example").is_admin


def test_demo_logins_again_replace_the_passwords(folder, data, client):
    put(folder, "a.jpg")
    load(folder, "--demo")
    load(folder, "--demo", "--password", "another-one")
    assert User.objects.count() == 3
    assert client.login(username="staff@pawkin.example", password="another-one")


def test_waiting_ends_when_nobody_works(folder, capsys, monkeypatch):
    from portal.dogs.management.commands import load_dogs

    monkeypatch.setattr(load_dogs, "NOBODY_WORKS", load_dogs.timedelta(0))
    monkeypatch.setattr(load_dogs.time, "sleep", lambda seconds: None)
    put(folder, "a.jpg")
    call_command("load_dogs", str(folder))
    assert "No worker answers. 1 photos wait" in capsys.readouterr().out
