import dataclasses
import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ml.breeds import (
    BreedClassifier,
    Calibration,
    added_file,
    breeds,
    calibrated,
    prototype_of,
    read_added,
    save_added,
    slug_of,
    views,
)
from ml.errors import DataError, ModelMismatch, ModelMissing
from ml.spec import KeypointLayout, Likeness, ModelSpec, NetworkSpec, file_sha256

PLAIN = Calibration(
    temperature=1.0, unknown=0.0, told_from=0.5, added_slope=10.0, added_offset=-5.0
)
NAMES = ("beagle", "pug", "boxer")


def classifier(**changes: float) -> BreedClassifier:
    """Features are the scores of beagle and pug; boxer always scores -9."""
    weight = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    calibration = dataclasses.replace(PLAIN, **changes)
    return BreedClassifier(NAMES, weight, np.array([0.0, 0.0, -9.0]), calibration)


@pytest.mark.parametrize(
    "name",
    ["n02085620-Chihuahua", "Chihuahua", "chihuahua", " CHIHUAHUA ", "치와와"],
)
def test_every_spelling_is_one_slug(name: str) -> None:
    assert slug_of(name) == "chihuahua"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("n02116738-African_hunting_dog", "african-wild-dog"),
        ("soft-coated_wheaten_terrier", "soft-coated-wheaten-terrier"),
        ("Saint Bernard", "st-bernard"),
        ("Boston bull, Boston terrier", "boston-terrier"),
        ("Some breed, whippet", "whippet"),
        ("1160-n000003-Shih_tzu", "shih-tzu"),
        ("진돗개", "jindo-dog"),
        ("Jindo", "jindo-dog"),
        ("Some New Breed", "some-new-breed"),
        ("새 품종", "새-품종"),
        ("  ", ""),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_the_table_has_imagenet_s_dogs_once_and_names_for_all() -> None:
    places = [breed.imagenet for breed in breeds().values() if breed.imagenet is not None]
    assert places == [*range(151, 269), 273, 274, 275]
    assert all(breed.english and breed.korean for breed in breeds().values())
    assert {breed.wider for breed in breeds().values()} - {None} <= set(breeds())


def test_the_portal_s_breeds_have_the_same_slugs() -> None:
    """A guess can be offered to staff as a choice only if both tables name it alike."""
    module = importlib.import_module("portal.dogs.migrations.0002_breeds")
    for line in module.BREEDS.strip().splitlines():
        english, korean = line.split("|")
        slug = module.slugify(english, allow_unicode=True)
        assert slug_of(english) in breeds(), english
        if slug in breeds():  # two cocker spaniels are one breed to ImageNet
            assert (breeds()[slug].english, breeds()[slug].korean) == (english, korean)
        else:
            assert slug_of(english) == "cocker-spaniel"


def test_probabilities_by_hand() -> None:
    found = classifier().probabilities(np.array([[math.log(2), math.log(1)]]))
    share = 2 + 1 + 1 + math.exp(-9)  # beagle, pug, unknown, boxer
    assert found[0] == pytest.approx([2 / share, 1 / share, math.exp(-9) / share])


def test_a_higher_temperature_is_less_sure() -> None:
    features = np.array([[4.0, 1.0]])
    cold, warm = (classifier(temperature=t).probabilities(features)[0, 0] for t in (0.5, 2.0))
    assert cold > 0.99
    assert 0.5 < warm < cold


def test_low_scores_everywhere_mean_unknown_and_two_alike_mean_mixed() -> None:
    clear, low, mixed = classifier().classify(np.array([[5.0, 0.0], [-4.0, -5.0], [5.0, 5.0]]))
    assert clear.slug == "beagle"
    assert clear.probability > 0.9
    assert low.slug is None
    assert low.probability < 0.05
    assert mixed.slug is None
    assert mixed.likely[0][1] == pytest.approx(mixed.likely[1][1])


def test_told_from_is_the_least_probability_told() -> None:
    features = np.array([[2.0, 0.0]])
    chance = classifier().classify(features)[0].probability
    assert classifier(told_from=chance).classify(features)[0].slug == "beagle"
    assert classifier(told_from=chance + 1e-6).classify(features)[0].slug is None


def test_five_likely_at_most_and_most_likely_first() -> None:
    names = [f"b{number}" for number in range(8)]
    model = BreedClassifier(names, np.eye(8), np.zeros(8), PLAIN)
    (guess,) = model.classify(np.arange(8.0)[None])
    assert [slug for slug, _ in guess.likely] == ["b7", "b6", "b5", "b4", "b3"]
    chances = [chance for _, chance in guess.likely]
    assert chances == sorted(chances, reverse=True)


def test_nothing_to_classify() -> None:
    assert classifier().classify(np.zeros((0, 0), np.float32)) == []


def test_features_that_are_not_numbers_or_of_another_embedder() -> None:
    with pytest.raises(DataError, match="not numbers"):
        classifier().classify(np.array([[1.0, np.nan]]))
    with pytest.raises(ModelMismatch, match="reads 2 features, not 3"):
        classifier().classify(np.zeros((1, 3)))


def test_an_added_breed_wins_where_the_photo_is_like_its_own() -> None:
    plain = classifier()
    added = BreedClassifier(
        NAMES, plain._weight, plain._bias, PLAIN, {"jindo-dog": np.array([-1.0, 0.0], np.float32)}
    )
    new, old = added.classify(np.array([[-3.0, 0.0], [4.0, 0.0]]))
    assert new.slug == "jindo-dog"
    assert old.slug == "beagle"
    scores = added.scores(np.array([[-3.0, 0.0], [0.0, 2.0]]))
    assert scores[:, 3] == pytest.approx([10 * 1 - 5, 10 * 0 - 5])
    assert added.names == (*NAMES, "jindo-dog")


def test_an_added_breed_of_another_embedder_is_refused() -> None:
    with pytest.raises(ModelMismatch, match="breeds add"):
        BreedClassifier(NAMES, np.zeros((3, 2)), np.zeros(3), PLAIN, {"a": np.zeros(5)})
    with pytest.raises(ModelMismatch, match="breeds add"):
        BreedClassifier(NAMES, np.zeros((3, 2)), np.zeros(3), PLAIN, {"a": np.full(2, np.nan)})


def test_prototype_is_the_mean_direction() -> None:
    assert prototype_of(np.array([[10.0, 0.0], [0.0, 1.0]])) == pytest.approx([0.5**0.5, 0.5**0.5])


def test_views_are_wider_and_mirrored() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, :50] = 9
    found = views(image, (40.0, 40.0, 60.0, 60.0), (0.0, 0.5), mirror=True)
    assert [part.shape[:2] for part in found] == [(20, 20), (40, 40), (20, 20), (40, 40)]
    assert found[0][0, 0, 0] == found[2][0, -1, 0] == 9
    assert len(views(image, (40.0, 40.0, 60.0, 60.0), (0.0,))) == 1


def test_minus_infinity_is_impossible() -> None:
    found = calibrated(np.array([[0.0, -np.inf]]), 1.0, 0.0)
    assert found[0] == pytest.approx([0.5, 0.0])


def spec_with(folder: Path, embedder: str = "e" * 64) -> ModelSpec:
    """A spec whose classifier lies in `folder`."""
    path = folder / "breeds.safetensors"
    tensors = {"weight": np.eye(2, dtype=np.float16), "bias": np.zeros(2, np.float16)}
    save_file(tensors, path, metadata={"names": json.dumps(["beagle", "pug"])})
    plain = NetworkSpec("", "e" * 64, "", (8, 8), (0, 0, 0), (1, 1, 1))
    told = {"embedder": embedder, **dataclasses.asdict(PLAIN)}
    network = dataclasses.replace(plain, file=path.name, sha256=file_sha256(path), options=told)
    layout, likeness = KeypointLayout((), (), {}), Likeness(0, 1, ((0, 0), (1, 100)))
    return ModelSpec("s", "S", plain, plain, plain, layout, likeness, network)


def test_load_with_breeds_added_beside_it_or_in_a_folder(tmp_path: Path) -> None:
    spec = spec_with(tmp_path)
    assert BreedClassifier.load(spec, directory=tmp_path).names == ("beagle", "pug")
    save_added(added_file(spec, tmp_path), {"삽살개": np.array([0, -1], np.float32)})
    loaded = BreedClassifier.load(spec, directory=tmp_path)
    assert loaded.names == ("beagle", "pug", "삽살개")
    assert loaded.classify(np.array([[0.0, -3.0]]))[0].slug == "삽살개"
    other = BreedClassifier.load(spec, directory=tmp_path, added=tmp_path / "elsewhere")
    assert other.names == ("beagle", "pug")


def test_another_embedder_s_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMismatch, match="another embedder"):
        BreedClassifier.load(spec_with(tmp_path, embedder="f" * 64), directory=tmp_path)


def test_a_spec_without_a_classifier(tmp_path: Path) -> None:
    spec = dataclasses.replace(spec_with(tmp_path), breeds=None)
    with pytest.raises(ModelMissing, match="no breed classifier"):
        BreedClassifier.load(spec, directory=tmp_path)


def test_added_breeds_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "added.safetensors"
    assert read_added(path) == {}
    path.write_bytes(b"nothing")
    with pytest.raises(ModelMismatch, match="Remove the file"):
        read_added(path)
