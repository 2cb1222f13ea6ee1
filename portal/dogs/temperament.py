"""The words of temperament: traits answered yes / no / selective, traits on a scale of 1 to 5.

"Unknown" is never stored: a trait without a row is unknown.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Trait(models.TextChoices):
    GOOD_WITH_CHILDREN = "good_with_children", _("good with children")
    GOOD_WITH_DOGS = "good_with_dogs", _("good with dogs")
    GOOD_WITH_CATS = "good_with_cats", _("good with cats")
    GOOD_WITH_ELDERLY = "good_with_elderly", _("good with elderly people")
    HOUSE_TRAINED = "house_trained", _("house-trained")
    CRATE_TRAINED = "crate_trained", _("crate-trained")
    LEASH_TRAINED = "leash_trained", _("leash-trained")
    ENERGY = "energy", _("energy")
    SOCIABILITY = "sociability", _("sociability to people")
    AFFINITY = "affinity", _("affinity")


class Answer(models.TextChoices):
    YES = "yes", _("yes")
    NO = "no", _("no")
    SELECTIVE = "selective", _("selective")


SCALE_TRAITS: tuple[Trait, ...] = (Trait.ENERGY, Trait.SOCIABILITY, Trait.AFFINITY)
ANSWER_TRAITS: tuple[Trait, ...] = tuple(t for t in Trait if t not in SCALE_TRAITS)
SCALE = range(1, 6)
