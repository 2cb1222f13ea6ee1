"""Coat colours as sources write them, Korean and English."""

from __future__ import annotations

import re

from portal.dogs.models import Colour

# The longest first where one is within another.
WORDS: dict[str, tuple[Colour, ...]] = {
    "블랙탄": (Colour.BLACK, Colour.BROWN),
    "블랙 탄": (Colour.BLACK, Colour.BROWN),
    "네눈": (Colour.BLACK, Colour.BROWN),
    "black & tan": (Colour.BLACK, Colour.BROWN),
    "black and tan": (Colour.BLACK, Colour.BROWN),
    "삼색": (Colour.WHITE, Colour.BLACK, Colour.BROWN),
    "tricolor": (Colour.WHITE, Colour.BLACK, Colour.BROWN),
    "tri-color": (Colour.WHITE, Colour.BLACK, Colour.BROWN),
    "tricolour": (Colour.WHITE, Colour.BLACK, Colour.BROWN),
    "호피": (Colour.BRINDLE,),
    "호구": (Colour.BRINDLE,),
    "호랑이": (Colour.BRINDLE,),
    "칡": (Colour.BRINDLE,),
    "brindle": (Colour.BRINDLE,),
    "멀": (Colour.MERLE,),
    "merle": (Colour.MERLE,),
    "흰": (Colour.WHITE,),
    "백": (Colour.WHITE,),
    "하양": (Colour.WHITE,),
    "하얀": (Colour.WHITE,),
    "화이트": (Colour.WHITE,),
    "white": (Colour.WHITE,),
    "크림": (Colour.CREAM,),
    "아이보리": (Colour.CREAM,),
    "베이지": (Colour.CREAM,),
    "미색": (Colour.CREAM,),
    "cream": (Colour.CREAM,),
    "ivory": (Colour.CREAM,),
    "beige": (Colour.CREAM,),
    "황": (Colour.YELLOW,),
    "노란": (Colour.YELLOW,),
    "누렁": (Colour.YELLOW,),
    "누런": (Colour.YELLOW,),
    "치즈": (Colour.YELLOW,),
    "금": (Colour.YELLOW,),
    "골드": (Colour.YELLOW,),
    "옐로": (Colour.YELLOW,),
    "yellow": (Colour.YELLOW,),
    "gold": (Colour.YELLOW,),
    "golden": (Colour.YELLOW,),
    "tan": (Colour.YELLOW,),
    "wheaten": (Colour.YELLOW,),
    "살구": (Colour.YELLOW,),
    "apricot": (Colour.YELLOW,),
    "blonde": (Colour.YELLOW,),
    "blond": (Colour.YELLOW,),
    "fawn": (Colour.YELLOW,),
    "갈": (Colour.BROWN,),
    "밤색": (Colour.BROWN,),
    "고동": (Colour.BROWN,),
    "초코": (Colour.BROWN,),
    "브라운": (Colour.BROWN,),
    "brown": (Colour.BROWN,),
    "chocolate": (Colour.BROWN,),
    "liver": (Colour.BROWN,),
    "sable": (Colour.BROWN,),
    "적": (Colour.RED,),
    "붉은": (Colour.RED,),
    "레드": (Colour.RED,),
    "red": (Colour.RED,),
    "chestnut": (Colour.RED,),
    "orange": (Colour.RED,),
    "회": (Colour.GREY,),
    "재색": (Colour.GREY,),
    "은색": (Colour.GREY,),
    "그레이": (Colour.GREY,),
    "gray": (Colour.GREY,),
    "grey": (Colour.GREY,),
    "silver": (Colour.GREY,),
    "blue": (Colour.GREY,),
    "검": (Colour.BLACK,),
    "흑": (Colour.BLACK,),
    "까만": (Colour.BLACK,),
    "블랙": (Colour.BLACK,),
    "black": (Colour.BLACK,),
}
_ANY = re.compile("|".join(re.escape(word) for word in sorted(WORDS, key=len, reverse=True)), re.I)
# English words stand alone: no red in "covered".
_STANDS_ALONE = re.compile(r"[a-z]", re.I)


def colours_in(text: str) -> list[str]:
    """Values of Colour in the order they are told; none where no word is known."""
    found: dict[str, None] = {}
    for match in _ANY.finditer(text):
        # One letter each: cutting off the rest would copy the whole text for every word.
        before = text[max(0, match.start() - 1) : match.start()]
        after = text[match.end() : match.end() + 1]
        word = match[0].lower()
        if word.isascii() and (_STANDS_ALONE.match(before) or _STANDS_ALONE.match(after)):
            continue
        found |= dict.fromkeys(colour.value for colour in WORDS[word])
    return list(found)
