"""Filters: what stands in the address limits the dogs, and unknown never hides one silently."""

import unicodedata
from datetime import date, timedelta

import pytest
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import override

from portal.dogs.models import Breed, Dog, Photo
from portal.matching import filters as module
from portal.matching.filters import Age, Filters, Size, years_ago
from portal.shelters.services import create_shelter

pytestmark = pytest.mark.django_db


def read(text):
    return Filters.from_params(QueryDict(text))


def names(filters):
    return set(filters.apply(Dog.objects.all()).values_list("name", flat=True))


def test_no_wish_takes_all(make_dog):
    make_dog()
    assert read("") == Filters()
    assert names(read("")) == {"Bori"}
    assert (read("").params(), read("").canonical(), read("").active()) == ("", {}, [])


@pytest.mark.parametrize(
    "text",
    [
        "good_with_children=no", "good_with_children=maybe", "energy=0-3", "energy=4-2", "energy=x",
        "energy=1-5", "energy=1-9", "sex=unknown", "sex=x", "size=huge", "age=", "neutered=maybe",
        "shelter=nowhere", "breed=unicorn", "unknown=perhaps", "page=2", "energy=" + "1" * 5000,
        "size=xs&size=s&size=m&size=l&size=xl",
    ],
)  # fmt: skip
def test_values_that_ask_nothing_are_dropped(text):
    assert read(text) == Filters()


def test_the_address_and_the_stored_form_keep_every_wish():
    create_shelter(name="Haneul")
    Breed.objects.get_or_create(slug="jindo", defaults={"name_en": "Jindo"})[0]
    text = (
        "energy=2-4&unknown=no&size=m&size=s&sex=male&good_with_cats=yes&breed=jindo"
        "&neutered=no&affinity=5&age=senior&shelter=haneul"
    )
    wishes = read(text)
    assert wishes.levels == {"energy": (2, 4), "affinity": (5, 5)}
    assert (wishes.size, wishes.neutered, wishes.include_unknown) == (("s", "m"), "no", False)
    assert read(wishes.params()) == wishes
    assert Filters.from_canonical(wishes.canonical()) == wishes
    assert Filters.from_canonical(wishes.canonical()).key() == wishes.key()


def test_the_order_of_parameters_does_not_matter():
    a = read("size=s&size=m&energy=1-2&good_with_cats=yes&good_with_dogs=yes")
    b = read("good_with_dogs=yes&energy=1-2&size=m&good_with_cats=yes&size=s")
    assert (a.params(), a.key()) == (b.params(), b.key())
    assert a.key() != read("size=s").key()


@pytest.fixture
def trait_dogs(make_dog):
    for answer in ("yes", "no", "selective"):
        make_dog(answer, temperament={"good_with_cats": answer, "good_with_dogs": "yes"})
    make_dog("unknown", temperament={"good_with_dogs": "yes"})


def test_a_trait_wanted_hides_only_dogs_known_to_lack_it(trait_dogs):
    assert names(read("good_with_cats=yes")) == {"yes", "unknown"}
    assert names(read("good_with_cats=yes&unknown=no")) == {"yes"}


def test_wishes_add_up(trait_dogs):
    assert names(read("good_with_cats=yes&good_with_children=yes&unknown=no")) == set()
    assert names(read("good_with_cats=yes&good_with_dogs=yes&unknown=no")) == {"yes"}


def test_levels(make_dog):
    for level in (1, 3, 5):
        make_dog(str(level), temperament={"energy": level})
    make_dog("unknown")
    assert names(read("energy=1-3")) == {"1", "3", "unknown"}
    assert names(read("energy=3&unknown=no")) == {"3"}


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("xs", {"3.99"}),
        ("s", {"4.00", "7.99"}),
        ("m", {"8.00"}),
        ("l", {"15.00"}),
        ("xl", {"25.00"}),
        ("xs&size=xl", {"3.99", "25.00"}),
    ],
)
def test_sizes_follow_the_weight(make_dog, size, expected):
    for weight in ("3.99", "4.00", "7.99", "8.00", "15.00", "25.00"):
        make_dog(weight, weight_kg=weight)
    make_dog("unknown")
    assert names(read(f"size={size}&unknown=no")) == expected
    assert names(read(f"size={size}")) == expected | {"unknown"}


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        ("puppy", {"new", "1y-1d"}),
        ("young", {"1y", "3y-1d"}),
        ("adult", {"3y"}),
        ("senior", {"8y"}),
    ],
)
def test_ages_follow_the_birth_date(make_dog, age, expected):
    day = timedelta(days=1)
    make_dog("new", birth_date=timezone.localdate())
    make_dog("1y-1d", birth_date=years_ago(1) + day)
    make_dog("1y", birth_date=years_ago(1))
    make_dog("3y-1d", birth_date=years_ago(3) + day)
    make_dog("3y", birth_date=years_ago(3))
    make_dog("8y", birth_date=years_ago(8))
    make_dog("unknown")
    assert names(read(f"age={age}&unknown=no")) == expected
    assert names(read(f"age={age}")) == expected | {"unknown"}


def test_a_leap_day_has_birthdays(monkeypatch):
    monkeypatch.setattr(module.timezone, "localdate", lambda: date(2028, 2, 29))
    assert years_ago(4) == date(2024, 2, 29)
    assert years_ago(1) == date(2027, 3, 1)


def test_sex_and_neutering(make_dog):
    make_dog("he", sex="male", neutered=True)
    make_dog("she", sex="female", neutered=False)
    make_dog("it")
    assert names(read("sex=female")) == {"she", "it"}
    assert names(read("sex=female&unknown=no")) == {"she"}
    assert names(read("neutered=yes")) == {"he", "it"}
    assert names(read("neutered=no&unknown=no")) == {"she"}


def test_shelter_and_breed_are_always_known(make_dog):
    jindo = Breed.objects.get_or_create(slug="jindo", defaults={"name_en": "Jindo"})[0]
    spitz = Breed.objects.get_or_create(slug="spitz", defaults={"name_en": "Spitz"})[0]
    make_dog("jindo", breeds=[jindo, spitz])
    make_dog("mixed")
    make_dog("bada", shelter=create_shelter(name="Bada"), breeds=[spitz])
    assert names(read("breed=jindo")) == {"jindo"}
    assert names(read("breed=jindo&breed=spitz")) == {"jindo", "bada"}
    assert names(read("shelter=bada")) == {"bada"}
    assert names(read("shelter=bada&breed=jindo")) == set()


def test_chips_say_what_is_in_force_and_lead_away_from_it():
    create_shelter(name="Haneul")
    wishes = read("good_with_cats=yes&energy=2-4&size=s&size=xs&unknown=no&shelter=haneul")
    with override("en"):
        chips = {chip.name: (str(chip.label), str(chip.value)) for chip in wishes.active()}
    assert chips == {
        "good_with_cats": ("good with cats", "yes"),
        "energy": ("energy", "2–4"),
        "size": ("size", "under 4 kg, 4–8 kg"),
        "shelter": ("shelter", "Haneul"),
        "unknown": ("unknown answers", "hidden"),
    }
    for chip in wishes.active():
        rest = read(chip.params_without)
        assert {c.name for c in rest.active()} == chips.keys() - {chip.name}


def test_relaxations_say_what_each_would_bring(make_dog):
    for name, weight, cats in [("a", 3, "no"), ("b", 3, "no"), ("c", 30, "yes"), ("d", 30, "no")]:
        make_dog(name, photos=1, weight_kg=weight, temperament={"good_with_cats": cats})
    make_dog("not searchable", weight_kg=30, temperament={"good_with_cats": "no"})
    Photo.objects.update(state=Photo.State.SEARCHABLE)
    gains = read("size=xs&good_with_cats=yes&sex=male").relaxations()
    assert [(chip.name, gain) for chip, gain in gains] == [("good_with_cats", 2), ("size", 1)]


def test_all_wishes_take_one_query(make_dog, django_assert_num_queries):
    make_dog(photos=1)
    Breed.objects.get_or_create(slug="jindo", defaults={"name_en": "Jindo"})[0]
    wishes = read("good_with_cats=yes&energy=2-4&size=s&age=young&sex=male&shelter=haneul")
    with django_assert_num_queries(1):
        list(wishes.apply(Dog.objects.searchable()).values_list("pk", flat=True))


def test_every_band_has_its_limits():
    assert module.WEIGHTS.keys() == set(Size)
    assert module.YEARS.keys() == set(Age)


def test_names_and_breeds_are_found_in_either_language(make_dog):
    jindo = Breed.objects.create(slug="jindo-x", name_en="Jindo Hound", name_ko="진돗개 하운드")
    make_dog("Bori", breeds=[jindo])
    make_dog("Jindory")
    make_dog("Coco")
    assert names(read("q=jindo")) == {"Bori", "Jindory"}
    assert names(read("q=진돗개")) == {"Bori"}
    assert names(read("q=HOUND  jin")) == {"Bori"}
    assert names(read("q=bori 진돗개")) == {"Bori"}
    assert names(read("q=")) == {"Bori", "Jindory", "Coco"}
    # Typed on a phone that takes syllables apart.
    assert names(read("q=" + unicodedata.normalize("NFD", "진돗개"))) == {"Bori"}
    filters = read("q= jindo   hound ")
    assert filters.params() == "q=jindo+hound"
    assert [str(chip.value) for chip in filters.active()] == ["jindo hound"]
    assert filters.without("q") == read("")
    assert Filters.from_canonical(filters.canonical()) == filters
