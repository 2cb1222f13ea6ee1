"""No group on both sides whatever ties photos, and no group that moves when photos are added."""

import random
from collections import Counter

import pytest

from ml.errors import DataError
from ml.training.sides import choose_held_out, tie


def slow_groups(names: list[list[str]]) -> list[set[int]]:
    """Photos reached from each photo by shared names, one step at a time."""
    reached = []
    for row in range(len(names)):
        found = {row}
        while True:
            known = {name for other in found for name in names[other]}
            wider = {i for i, given in enumerate(names) if known & set(given)}
            if wider == found:
                break
            found = wider
        reached.append(found)
    return reached


def random_names(chance: random.Random, count: int) -> list[list[str]]:
    return [
        [f"g{chance.randrange(count)}", *(f"t{chance.randrange(3 * count)}" for _ in range(2))]
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(30))
def test_groups_are_what_names_connect(seed: int) -> None:
    names = random_names(random.Random(seed), 40)
    groups = tie(names)
    for row, reached in enumerate(slow_groups(names)):
        assert {i for i, group in enumerate(groups) if group == groups[row]} == reached


def test_nothing_to_tie() -> None:
    assert tie([]) == []
    assert len(set(tie([["a"], ["b"]]))) == 2


@pytest.mark.parametrize("seed", range(30))
def test_no_group_is_on_both_sides(seed: int) -> None:
    """Whatever the links, shares, classes and what was fixed before."""
    chance = random.Random(seed)
    names = random_names(chance, 60)
    groups, own = tie(names), [given[0] for given in names]
    shares = [chance.choice((0.0, 0.2, 0.7)) for _ in groups]
    fixed = [chance.choice((None, None, True, False)) for _ in groups]
    classes = [chance.choice(("", "a", "b")) for _ in groups]
    try:
        held = choose_held_out(groups, own, shares, classes, fixed)
    except DataError:
        held = choose_held_out(groups, own, shares, None, fixed)
    for group in set(groups):
        assert len({side for name, side in zip(groups, held, strict=True) if name == group}) == 1


@pytest.mark.parametrize("seed", range(30))
def test_added_photos_move_no_group(seed: int) -> None:
    """Where no tie reaches an old group, in any order; by stratum with the old sides fixed."""
    chance = random.Random(seed)
    old = random_names(chance, 40)
    rows = old + [[f"new{number}", f"tie{chance.randrange(10)}"] for number in range(40)]
    own = [given[0] for given in rows]
    order = chance.sample(range(80), 80)
    shares, classes = [0.3] * 80, [f"c{chance.randrange(3)}" for _ in rows]
    before = choose_held_out(tie(old), own[:40], shares[:40])
    after = choose_held_out(tie([rows[i] for i in order]), [own[i] for i in order], shares)
    assert [after[order.index(row)] for row in range(40)] == before

    alone, own = list(range(80)), [f"photo{number}" for number in range(80)]
    stratified = choose_held_out(alone[:40], own[:40], shares[:40], classes[:40])
    kept = choose_held_out(alone, own, shares, classes, [*stratified, *[None] * 40])
    assert kept[:40] == stratified
    assert any(kept[40:])


@pytest.mark.parametrize("seed", range(30))
def test_what_is_held_out_stays_so_whatever_is_tied_to_it(seed: int) -> None:
    chance = random.Random(seed)
    rows = random_names(chance, 60)
    own, shares = [given[0] for given in rows], [0.2] * 60
    before = choose_held_out(tie([[name] for name in own]), own, shares)
    after = choose_held_out(tie(rows), own, shares)
    assert all(now for was, now in zip(before, after, strict=True) if was)


def test_about_the_share_is_held_out() -> None:
    def count(share: float) -> int:
        names = [f"photo-{number}" for number in range(5000)]
        return sum(choose_held_out(range(5000), names, [share] * 5000))

    assert 900 < count(0.2) < 1100
    assert count(0.0) == 0
    assert count(1.0) == 5000


def test_strata_have_the_share_of_each_class_in_any_order() -> None:
    names = [f"photo-{number}" for number in range(110)]
    classes = ["common"] * 100 + ["rare"] * 2 + ["seldom"] * 8
    held = choose_held_out(range(110), names, [0.2] * 110, classes)
    count = Counter(name for name, is_held in zip(classes, held, strict=True) if is_held)
    assert count == {"common": 20, "rare": 1, "seldom": 2}
    turned = choose_held_out(range(110), names[::-1], [0.2] * 110, classes[::-1])
    assert turned[::-1] == held


@pytest.mark.parametrize("groups", [[0, 1, 2], [0, 1, 2, 2]])
def test_a_class_with_one_photo_or_one_group_is_refused(groups: list[int]) -> None:
    classes = ["poodle", "poodle", "jindo", "jindo"][: len(groups)]
    names = [str(group) for group in groups]
    with pytest.raises(DataError, match=r"fewer of jindo\. Add photos of it, or leave it out"):
        choose_held_out(groups, names, [0.5] * len(groups), classes)


@pytest.mark.parametrize("names", ["xxyz", "yyxz", "zzyx"])
def test_photos_tied_across_classes_leave_each_on_both_sides(names: str) -> None:
    """One group holds two classes; each has another group as well."""
    classes = ["a", "b", "a", "b"]
    held = choose_held_out([0, 0, 1, 2], list(names), [0.5] * 4, classes)
    for name in "ab":
        assert {h for h, c in zip(held, classes, strict=True) if c == name} == {True, False}


def test_sides_that_disagree_are_validation() -> None:
    held = choose_held_out([0, 0, 1], ["a", "b", "c"], [0.0] * 3, None, [True, False, None])
    assert held == [True, True, False]
