"""Words of sources in ours; what is not known stays unknown."""

import pytest

from portal.dogs.models import Breed, Colour
from portal.feeds.vocabulary import breeds
from portal.feeds.vocabulary.colours import WORDS, colours_in
from portal.feeds.vocabulary.temperament import suggestions_in


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("흰색", ["white"]), ("검/흰", ["black", "white"]), ("갈색&흰색", ["brown", "white"]),
        ("황색", ["yellow"]), ("치즈색", ["yellow"]), ("크림", ["cream"]), ("회색", ["grey"]),
        ("삼색", ["white", "black", "brown"]), ("호피", ["brindle"]),
        ("블랙탄", ["black", "brown"]),
        ("Black and Tan", ["black", "brown"]), ("White / Red", ["white", "red"]),
        ("Red/Golden/Orange/Chestnut", ["red", "yellow"]), ("Tan", ["yellow"]),
        ("Titanium", []), ("호구", ["brindle"]), ("네눈박이", ["black", "brown"]),
        ("Covered", []), ("얼룩", []), ("", []),
    ],
)  # fmt: skip
def test_colours(words, found):
    assert colours_in(words) == found


def test_every_colour_can_be_told():
    assert {colour for told in WORDS.values() for colour in told} == set(Colour)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("진도견", "jindo-dog"), ("진돗개", "jindo-dog"), ("말티즈", "maltese"), ("푸들", "poodle"),
        ("포메라니안", "pomeranian"), ("시츄", "shih-tzu"), ("치와와", "chihuahua"),
        ("요크셔 테리어", "yorkshire-terrier"), ("골든 리트리버", "golden-retriever"),
        ("라브라도 리트리버", "labrador-retriever"), ("비숑 프리제", "bichon-frise"),
        ("웰시 코기", "welsh-corgi"), ("시바", "shiba-inu"), ("Beagle", "beagle"),
        ("  german   SHEPHERD dog ", "german-shepherd"), ("믹스견", None), ("Beagle mix", None),
        ("풍산견", "poongsan"), ("스피츠", "spitz"), ("재패니즈 스피츠", "japanese-spitz"),
        ("슈나우져", "schnauzer"), ("미니어쳐 슈나우저", "miniature-schnauzer"),
        ("웨스트하이랜드화이트테리어", "west-highland-white-terrier"),
        ("아메리칸 핏불 테리어", "american-pit-bull-terrier"), ("라사 압소", "lhasa-apso"),
        ("그레이 하운드", "greyhound"), ("로디지안 리즈백 ", "rhodesian-ridgeback"),
        ("Terrier Cross", None), ("로트와일러 믹스견", None), ("기타", None),
        ("Moon Hound", None), ("", None),
    ],
)  # fmt: skip
def test_breeds(words, slug):
    breeds.forget()
    assert breeds.breed_of(words) == slug


@pytest.mark.django_db
def test_no_breed_is_there_twice():
    for field in ("name_en", "name_ko"):
        names = list(Breed.objects.values_list(field, flat=True))
        assert len(names) == len(set(names))


@pytest.mark.django_db
def test_every_other_name_leads_to_a_breed_there_is():
    there = set(Breed.objects.values_list("slug", flat=True))
    assert set(breeds.ALSO.values()) <= there


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Not good with cats, loves kids.", {"good_with_cats": "no", "good_with_children": "yes"}),
        ("온순함, 사람을 잘 따름", {"sociability": 4}),
        ("사람을 무서워함", {"sociability": 1}),
        ("아이들을 좋아함. 고양이는 싫어함", {"good_with_children": "yes", "good_with_cats": "no"}),
        ("다른 강아지와 잘 지냄", {"good_with_dogs": "yes"}),
        ("배변 훈련 완료, 산책을 잘 함", {"house_trained": "yes", "leash_trained": "yes"}),
        ("Not house trained", {"house_trained": "no"}),
        ("Very active and cuddly", {"energy": 5, "affinity": 5}),
        ("Good with cats. Not good with cats.", {}),
        ("He has a scar on his left ear", {}),
        # A place, a kidney and a look are no cat, no child and no okay.
        ("Located in a good foster home, kidneys fine, looking for a home", {}),
        ("Can't live with cats", {"good_with_cats": "no"}),
        ("Loves chasing cats", {"good_with_cats": "no"}),
        ("He lives in a home without children", {"good_with_children": "no"}),
        ("Dog-friendly", {"good_with_dogs": "yes"}),
        # Out of double negations and out of what nobody knows nothing is read.
        ("Not afraid of children", {}),
        ("No issues with cats", {}),
        ("Not been tested with cats", {}),
        ("고양이 경험 없음", {}),
        ("공격성 없고 다른 강아지와 잘 지냄", {"good_with_dogs": "yes"}),
        ("사람을 경계하고 입질 있음", {"sociability": 1}),
        ("경계심 없음", {}),
        ("다른 강아지와 잘 지내지 못함", {"good_with_dogs": "no"}),
        # 아이, child, is what shelters call the dog.
        ("온순하고 착한 아이", {}),
        ("이 아이는 정말 순함", {}),
        ("아이에게 친절하고 잘 따름", {"good_with_children": "yes"}),
        ("고양이처럼 온순함", {}),
        ("", {}),
    ],
)
def test_temperament(words, found):
    read = suggestions_in(words)
    assert {trait: value for trait, (value, _words) in read.items()} == found
    assert all(said in words for _value, said in read.values())
