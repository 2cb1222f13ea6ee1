"""Learning what makes two dogs alike from what people prefer, a few numbers at a time.

When somebody acts on a dog of an answer, it is preferred to its neighbours above and below that
they passed over (after Joachims, Optimizing search engines using clickthrough data, KDD 2002).
Both neighbours, since those above alone would make every order but the present one look better:
of clicks by chance as many go one way as the other (Radlinski and Joachims, Minimally invasive
randomization, AAAI 2006), and nothing is learnt from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from ml import ranking as learner
from ml.errors import PawkinError
from ml.fusion import MODES, PARTS, fixed
from portal.accounts import audit
from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.matching.models import Feedback, FusionWeights, Match, NotAlike, Ranking

LEAST_PAIRS = 200
LEAST_KINDS = 2
# The newest are learnt from, and what is older than a year is forgotten: tastes and dogs change.
MOST_PAIRS = 20_000
KEPT_FOR = timedelta(days=365)
HELD_BACK = 0.2
# In seconds, longer than an answer to a listed dog is shown.
TAUGHT_KNOWN_FOR = 2 * 86_400


class LearningRefused(PawkinError):
    """Codes: too_little_feedback, weights_not_better."""


def note_feedback(*, match: Match, kind: str) -> int:
    """Keeps what preferring this match teaches, or, of kind not_alike, rejecting it; the number of
    pairs. None of a person's or an adopter's photo unless LEARN_FROM is "all", and none of matches
    whose parts are not known."""
    ranking = match.ranking
    # Whoever takes a dog out and back again, over and over, teaches once. No row could say so, as
    # none leads from what was taught to a match; a match goes within a day or is ranked anew.
    once = f"taught {kind} {match.pk} {ranking.ranked_at}"
    allowed = ("listed", "all") if ranking.query_id is None else ("all",)
    if settings.LEARN_FROM not in allowed or not match.parts:
        return 0
    if not cache.add(hashlib.sha256(once.encode()).hexdigest(), True, TAUGHT_KNOWN_FOR):
        return 0
    pairs = [
        Feedback(kind=kind, mode=ranking.mode, preferred=mine, other=theirs)
        for mine, theirs in (
            (neighbour.parts, match.parts)
            if kind == Feedback.Kind.NOT_ALIKE
            else (match.parts, neighbour.parts)
            for neighbour in passed_over(match)
        )
    ]
    return len(Feedback.objects.bulk_create(pairs))


def passed_over(match: Match) -> list[Match]:
    """The matches above and below that can be seen and that nobody acted on."""
    others = match.ranking.matches.shown().filter(click=None, parts__isnull=False)
    above = others.filter(rank__lt=match.rank).order_by("-rank").first()
    below = others.filter(rank__gt=match.rank).order_by("rank").first()
    return [row for row in (above, below) if row is not None]


def match_of(match_id: str, dog: Dog) -> Match | None:
    """The match that an address or a form names, if it is one of this dog."""
    if not match_id.isdecimal() or len(match_id) > 18:
        return None
    rows = Match.objects.select_related("ranking__query")
    return rows.filter(pk=int(match_id), dog=dog).first()


@transaction.atomic
def hide_dog(
    *, dog: Dog, ranking: Ranking, owner: User | None = None, owner_key: str = ""
) -> NotAlike:
    """Takes a dog out of one answer for one person; the same again changes nothing."""
    if ranking.query_id is not None:
        row, is_new = NotAlike.objects.get_or_create(query_id=ranking.query_id, dog=dog)
    else:
        key = "" if owner else owner_key
        row, is_new = NotAlike.objects.get_or_create(
            source_id=ranking.dog_id, query=None, dog=dog, owner=owner, owner_key=key
        )
    match = ranking.matches.filter(dog=dog).first()
    if is_new and match is not None:
        match.ranking = ranking
        note_feedback(match=match, kind=Feedback.Kind.NOT_ALIKE)
    return row


def show_dog(*, hidden: NotAlike) -> None:
    """Back into the answer. What it taught stays: nothing leads to it any more."""
    hidden.delete()


def expire_feedback() -> int:
    """Deletes preferences older than a year, and hidden dogs of answers to listed ones after a day;
    the number of preferences."""
    yesterday = timezone.now() - timedelta(days=1)
    NotAlike.objects.filter(query=None, created_at__lt=yesterday).delete()
    return Feedback.objects.filter(day__lt=timezone.localdate() - KEPT_FOR).delete()[0]


@transaction.atomic
def learn_weights() -> FusionWeights:
    """Learns weights from the feedback there is and judges them beside the fixed ones on the newest
    fifth, which they have not seen. A mode with too few pairs keeps the fixed weights.

    Raises LearningRefused (too_little_feedback).
    """
    rows = list(Feedback.objects.order_by("-pk")[:MOST_PAIRS])[::-1]
    if len(rows) < LEAST_PAIRS or len({row.kind for row in rows}) < LEAST_KINDS:
        raise LearningRefused(
            "too_little_feedback",
            f"Wait for {LEAST_PAIRS} preferences of {LEAST_KINDS} kinds.",
            f"{len(rows)} preferences",
        )
    cut = len(rows) - round(HELD_BACK * len(rows))
    seen, held = rows[:cut], rows[cut:]
    weights = dict(fixed().weights)
    for mode in MODES:
        of_mode = [row for row in seen if row.mode == mode]
        if len(of_mode) >= (1 - HELD_BACK) * LEAST_PAIRS:
            weights[mode] = learner.learn(*_tables(of_mode), weights[mode])
    learnt = fixed().with_weights(weights)
    judged = learner.compare(*_tables(held), learnt, fixed(), [row.mode for row in held])
    row = FusionWeights.objects.create(
        weights=weights,
        pairs=len(seen),
        held_back=judged.pairs,
        agreement=judged.learnt,
        agreement_fixed=judged.fixed,
        margin=judged.margin,
    )
    return row


@transaction.atomic
def activate_weights(*, weights: FusionWeights, by: User | None = None) -> None:
    """Lets these weights count from the next search on. Raises LearningRefused
    (weights_not_better) unless they beat the fixed ones on held-back feedback by more than chance;
    the database would refuse them too."""
    if not weights.is_better:
        raise LearningRefused(
            "weights_not_better",
            "Learn again when there is more feedback.",
            f"{weights.agreement:.3f} against {weights.agreement_fixed:.3f} ± {weights.margin:.3f}",
        )
    FusionWeights.objects.active().exclude(pk=weights.pk).update(is_active=False)
    FusionWeights.objects.filter(pk=weights.pk).update(is_active=True)
    weights.is_active = True
    audit.note(action=audit.Action.VERSION_ACTIVATED, by=by, about=f"learnt weights: {weights}")


@transaction.atomic
def use_fixed_weights(*, by: User | None = None) -> None:
    """Back to the weights of ml/fusion.json; what was learnt stays to be activated again."""
    if FusionWeights.objects.active().update(is_active=False):
        audit.note(action=audit.Action.VERSION_ACTIVATED, by=by, about="fixed weights")


def _tables(rows: Sequence[Feedback]) -> tuple[np.ndarray, np.ndarray]:
    """(n, 5) parts of the preferred dogs, and of the others."""
    return _table([row.preferred for row in rows]), _table([row.other for row in rows])


def _table(parts: Sequence[Mapping[str, float]]) -> np.ndarray:
    return np.array([[row.get(part, np.nan) for part in PARTS] for row in parts], np.float64)
