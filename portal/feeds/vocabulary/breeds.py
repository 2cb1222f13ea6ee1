"""Breed names as sources write them, Korean and English, in slugs of Breed."""

from __future__ import annotations

import re
from functools import cache

from portal.dogs.models import Breed

MIXED = re.compile(r"믹스|잡종|혼종|혼합|mixed|\bmix\b|mutt|\bcross(?:breed)?\b", re.I)

# What is written differently from Breed's own names, folded: the kinds of data.go.kr (its call
# kind_v2), and the names of Shelter Manager and RescueGroups.
ALSO: dict[str, str] = {
    "진도견": "jindo-dog",
    "진도개": "jindo-dog",
    "진돗개": "jindo-dog",
    "진도": "jindo-dog",
    "jindo": "jindo-dog",
    "korean jindo": "jindo-dog",
    "korean jindo dog": "jindo-dog",
    "삽살이": "sapsali",
    "삽살개": "sapsali",
    "풍산": "poongsan",
    "풍산개": "poongsan",
    "풍산견": "poongsan",
    "말티즈": "maltese",
    "몰티즈": "maltese",
    "시츄": "shih-tzu",
    "시추": "shih-tzu",
    "시바": "shiba-inu",
    "시바이누": "shiba-inu",
    "푸들": "poodle",
    "토이 푸들": "poodle",
    "미니어처 푸들": "poodle",
    "스탠다드 푸들": "poodle",
    "비숑 프리제": "bichon-frise",
    "비숑": "bichon-frise",
    "요크셔 테리어": "yorkshire-terrier",
    "요크셔테리어": "yorkshire-terrier",
    "yorkie": "yorkshire-terrier",
    "골든 리트리버": "golden-retriever",
    "골든리트리버": "golden-retriever",
    "라브라도 리트리버": "labrador-retriever",
    "래브라도 리트리버": "labrador-retriever",
    "lab": "labrador-retriever",
    "labrador": "labrador-retriever",
    "웰시 코기": "welsh-corgi",
    "웰시코기": "welsh-corgi",
    "웰시 코기 펨브로크": "welsh-corgi",
    "펨브로크 웰시 코기": "welsh-corgi",
    "corgi": "welsh-corgi",
    "시베리안 허스키": "siberian-husky",
    "허스키": "siberian-husky",
    "husky": "siberian-husky",
    "말라뮤트": "alaskan-malamute",
    "알라스칸 말라뮤트": "alaskan-malamute",
    "알래스칸 말라뮤트": "alaskan-malamute",
    "코카 스파니엘": "american-cocker-spaniel",
    "코커 스파니엘": "american-cocker-spaniel",
    "아메리칸 코카 스파니엘": "american-cocker-spaniel",
    "cocker spaniel": "american-cocker-spaniel",
    "미니어쳐 슈나우저": "miniature-schnauzer",
    "미니어처 슈나우저": "miniature-schnauzer",
    "슈나우져": "schnauzer",
    "포메라니언": "pomeranian",
    "닥스훈트": "dachshund",
    "셰퍼드": "german-shepherd",
    "세퍼드": "german-shepherd",
    "져먼 셰퍼드": "german-shepherd",
    "german shepherd dog": "german-shepherd",
    "보더콜리": "border-collie",
    "프렌치 불도그": "french-bulldog",
    "프렌치불독": "french-bulldog",
    "pit bull terrier": "american-pit-bull-terrier",
    "pit bull": "american-pit-bull-terrier",
    "pitbull": "american-pit-bull-terrier",
    "차우 차우": "chow-chow",
    "페키니즈": "pekingese",
    "퍼그": "pug",
    "치와와": "chihuahua",
    "그레이트 덴": "great-dane",
    "꼬똥 드 뚤레아": "coton-de-tulear",
    "노르포크 테리어": "norfolk-terrier",
    "도고 아르젠티노": "dogo-argentino",
    "도사": "dosa",
    "래빗 닥스훈드": "dachshund",
    "미니어쳐 닥스훈트": "dachshund",
    "로디지안 리즈백": "rhodesian-ridgeback",
    "로트바일러": "rottweiler",
    "롯트와일러": "rottweiler",
    "마리노이즈": "belgian-malinois",
    "미니어쳐 핀셔": "miniature-pinscher",
    "미니핀": "miniature-pinscher",
    "미니어쳐 푸들": "poodle",
    "미디엄 푸들": "poodle",
    "미텔 스피츠": "spitz",
    "클라인스피츠": "spitz",
    "불독": "english-bulldog",
    "브리타니 스파니엘": "brittany",
    "프렌치 브리타니": "brittany",
    "빠삐용": "papillon",
    "셔틀랜드 쉽독": "shetland-sheepdog",
    "스코티쉬 테리어": "scottish-terrier",
    "스테포드셔불테리어": "staffordshire-bull-terrier",
    "핏불테리어": "american-pit-bull-terrier",
    "핏불": "american-pit-bull-terrier",
    "아이리쉬 세터": "irish-setter",
    "아키다": "akita",
    "아메리칸 아키다": "akita",
    "오스트랄리안 셰퍼드 독": "australian-shepherd",
    "오스트랄리안 캐틀 독": "australian-cattle-dog",
    "올드 잉글리쉬 쉽독": "old-english-sheepdog",
    "잉글리쉬 세터": "english-setter",
    "잉글리쉬 스프링거 스파니엘": "english-springer-spaniel",
    "잉글리쉬 코카 스파니엘": "english-cocker-spaniel",
    "잉글리쉬 포인터": "pointer",
    "저먼 셰퍼드 독": "german-shepherd",
    "저먼 포인터": "german-shorthaired-pointer",
    "캐벌리어 킹 찰스 스파니엘": "cavalier-king-charles-spaniel",
    "케인 코르소": "cane-corso",
    "키스 훈드": "keeshond",
    "피레니안 마운틴 독": "great-pyrenees",
    "휘펫": "whippet",
    "웰시 코기 카디건": "welsh-corgi",
    "akita inu": "akita",
    "aussie": "australian-shepherd",
    "blue heeler": "australian-cattle-dog",
    "australian cattle dog / blue heeler": "australian-cattle-dog",
    "belgian shepherd malinois": "belgian-malinois",
    "black labrador retriever": "labrador-retriever",
    "bulldog": "english-bulldog",
    "chocolate labrador retriever": "labrador-retriever",
    "yellow labrador retriever": "labrador-retriever",
    "chinese shar-pei": "shar-pei",
    "shar-pei": "shar-pei",
    "chow": "chow-chow",
    "doberman pinscher": "doberman",
    "dobermann": "doberman",
    "jack russell": "jack-russell-terrier",
    "pembroke welsh corgi": "welsh-corgi",
    "cardigan welsh corgi": "welsh-corgi",
    "saint bernard": "st-bernard",
    "sheltie": "shetland-sheepdog",
    "shetland sheepdog sheltie": "shetland-sheepdog",
    "saint bernard st. bernard": "st-bernard",
    "standard poodle": "poodle",
    "miniature poodle": "poodle",
    "toy poodle": "poodle",
    "westie": "west-highland-white-terrier",
    "west highland white terrier westie": "west-highland-white-terrier",
    "yorkshire terrier yorkie": "yorkshire-terrier",
}


# A table's cell can be 131,072 letters long, and brackets are looked for from each on.
_LETTERS = 200


def folded(name: str) -> str:
    """Lower case, single spaces, without what is in brackets; of a long one the start."""
    name = name.strip()[:_LETTERS]
    return re.sub(r"\s+", " ", re.sub(r"[\[(（].*?[\])）]", " ", name)).strip().lower()


@cache
def _known() -> dict[str, str]:
    known: dict[str, str] = {}
    rows = list(Breed.objects.values_list("slug", "name_en", "name_ko"))
    for slug, english, korean in rows:
        for name in (english, korean):
            if name:
                known.setdefault(folded(name), slug)
                known.setdefault(folded(name).replace(" ", ""), slug)
    slugs = {slug for slug, _english, _korean in rows}
    return known | {name: slug for name, slug in ALSO.items() if slug in slugs}


def forget() -> None:
    """Reads the breeds anew at the next question: a worker lives longer than a list of them."""
    _known.cache_clear()


def breed_of(name: str) -> str | None:
    """The slug of a name; None for mixed breeds and for names that are not known."""
    word = folded(name)
    if not word or is_mixed(word):
        return None
    known = _known()
    return known.get(word) or known.get(word.replace(" ", ""))


def is_mixed(name: str) -> bool:
    return bool(MIXED.search(name))
