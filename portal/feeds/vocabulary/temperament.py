"""Temperament as people write it freely, Korean and English: a hint for staff, never a fact.

Cautious: a word counts only within its own clause, and a clause that negates it turns it round.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from portal.dogs.temperament import Trait

_CLAUSE = re.compile(
    r"[.!?\n;,·/]+|(?<=고)\s+(?=사람|아이|다른|고양이)|\bbut\b|\band\b|지만|하나\s", re.I
)

# Said to the dog's credit, though a word of fear or of aggression is in it; and double negations,
# out of which nothing is read.
_HARMLESS = re.compile(
    r"(?:공격성?|경계심?|입질|겁|낯가림|거부감|문제|무서움)\s*(?:은|는|이|도|가|을)?\s*"
    r"(?:전혀\s*|거의\s*|별로\s*)?없\w*|"
    r"겁(?:이|은)?\s*많지\s*않\w*|"
    r"\bno (?:known )?(?:problems?|issues?|trouble|aggression|fear|bite history)\b|"
    r"\b(?:not|isn['’]?t|never) (?:at all )?"
    r"(?:aggressive|afraid|scared|fearful|shy|timid|bothered)\b"
    r"(?: (?:of|by|towards?|with)\b)?|\bnot only\b",
    re.I,
)

# Nobody knows: nothing is read out of such a clause.
_UNSURE = re.compile(
    r"없|모름|모르|미확인|확인\s*(?:안|필요|불가)|\bunknown\b|\buntested\b|\bunsure\b|"
    r"\bnot (?:yet )?(?:been )?(?:tested|sure|known)\b|\bhas ?n['’]?t (?:been|met|lived)\b",
    re.I,
)

_NO = re.compile(
    r"\b(?:not|never|no|without|cannot|avoid|dislikes?|hates?|unsuitable|chas(?:e|es|ing)|"
    r"(?:is|does|do|did|ca|wo|should|would)n['’]?t|afraid of|scared of|fear(?:s|ful)?)\b|"
    r"안\s*(?:좋|친|함|돼|됨)|못\s|못함|싫어|무서워|두려워|경계|공격|입질|물(?:어(?!보|봐)|림|음)|"
    r"사납|않|어려움|힘들",
    re.I,
)

_YES = re.compile(
    r"\b(?:good|great|fine|okay|ok|best|friendly|loves?|likes?|gets along|gentle|sweet|safe|"
    r"does well)\b|"
    r"좋아|잘\s*지[내냄]|친화|친근|친함|사이\s*좋|따름|잘\s*따르|온순|순함|착함|"
    r"합사\s*가능|잘\s*어울",
    re.I,
)
# In Korean a shelter calls its dogs 아이, child, and so does a dog's own story: only one that
# something is done with, or to, is a person.
_TOWARDS: dict[Trait, str] = {
    Trait.GOOD_WITH_CHILDREN: (
        r"\b(?:child(?:ren)?|kids?|toddlers?)\b|어린이|유아|"
        r"(?:아이|애)들?(?:을|를|과|와|랑|이랑|하고|에게|한테)|(?:아이|애)들?\s*(?:좋아|싫어|무서워)"
    ),
    Trait.GOOD_WITH_DOGS: (
        r"\b(?:other|with) dogs?\b|\bdog[- ]friendly\b|다른\s*(?:개|강아지|견)|강아지들|개들|대견"
    ),
    Trait.GOOD_WITH_CATS: r"\bcats?\b|고양이(?!\s?같|처럼)",
    Trait.GOOD_WITH_ELDERLY: r"\b(?:elderly|seniors)\b|어르신|노인",
}
_SKILLS: dict[Trait, str] = {
    Trait.HOUSE_TRAINED: (
        r"house[- ]?(?:trained|broken)|potty[- ]?trained|"
        r"배변\s*(?:훈련|가림|잘|완료)|대소변\s*(?:을\s*)?(?:잘\s*)?가림"
    ),
    Trait.CRATE_TRAINED: (r"crate[- ]?trained|켄넬\s*(?:훈련|교육|완료)|크레이트\s*(?:훈련|교육)"),
    Trait.LEASH_TRAINED: (
        r"leash[- ]?trained|walks? well on (?:a |the )?leash|"
        r"리드줄\s*(?:산책|교육|훈련)|목줄\s*(?:산책|교육)|산책\s*(?:을\s*)?잘"
    ),
}
# Of several levels of one trait in a clause the first counts.
_LEVELS: tuple[tuple[Trait, int, str], ...] = (
    (Trait.ENERGY, 5, r"very (?:active|energetic)|high energy"),
    (Trait.ENERGY, 5, r"활동량(?:이)?\s*(?:매우\s*)?많|매우\s*활발"),
    (Trait.ENERGY, 4, r"\bactive\b|energetic|playful|활발|활달|에너지"),
    (Trait.ENERGY, 2, r"\bcalm\b|laid[- ]back|low energy|차분|얌전|조용"),
    (Trait.SOCIABILITY, 5, r"loves? (?:all )?people|사람을?\s*(?:매우|너무|아주)\s*좋아"),
    (Trait.SOCIABILITY, 4, r"people[- ]friendly|likes? people"),
    (Trait.SOCIABILITY, 4, r"사람을?\s*(?:잘\s*)?(?:좋아|따르|따름)|사람\w*\s*친화|^친화적"),
    (Trait.SOCIABILITY, 1, r"fear(?:s|ful of) people"),
    (Trait.SOCIABILITY, 1, r"사람을?\s*(?:무서워|두려워|경계|피[하함해])|사나움|사납"),
    (Trait.SOCIABILITY, 2, r"\bshy\b|timid|소심|낯가림|낯을\s*가|겁이?\s*많|경계심"),
    (Trait.AFFINITY, 5, r"\bcuddl|lap dog|애교(?:가)?\s*많|애교쟁이|애교"),
)


# What is read of a text. The patterns above take a time that grows with the square of a run of
# spaces or of one clause's length, and a table's cell can be 131,072 letters long.
LETTERS = 5000
_SPACES = re.compile(r"[^\S\n]+")


def suggestions_in(text: str) -> dict[str, tuple[str | int, str]]:
    """Trait to value and the words it was read from; what is said twice differently is left out."""
    text = _SPACES.sub(" ", text[: 4 * LETTERS])[:LETTERS]
    found: dict[str, tuple[str | int, str]] = {}
    contradicted: set[str] = set()
    for trait, value, words in _read(text):
        before = found.setdefault(trait, (value, words))
        if before[0] != value and trait not in (Trait.ENERGY, Trait.SOCIABILITY):
            contradicted.add(trait)
    return {trait: told for trait, told in found.items() if trait not in contradicted}


def _read(text: str) -> Iterator[tuple[str, str | int, str]]:
    for clause in _CLAUSE.split(text):
        said = clause.strip()[:200]
        clause = _HARMLESS.sub("", clause).strip()
        if _UNSURE.search(clause):
            continue
        negated = bool(_NO.search(clause))
        for trait, towards in _TOWARDS.items():
            if re.search(towards, clause, re.I) and (negated or _YES.search(clause)):
                yield trait.value, "no" if negated else "yes", said
        for trait, skill in _SKILLS.items():
            if re.search(skill, clause, re.I):
                yield trait.value, "no" if negated else "yes", said
        levels: dict[str, int] = {}
        for trait, level, words in _LEVELS:
            found = re.search(words, clause, re.I)
            if found and (not negated or _NO.search(found[0])):
                levels.setdefault(trait.value, level)
        for name, level in levels.items():
            yield name, level, said
