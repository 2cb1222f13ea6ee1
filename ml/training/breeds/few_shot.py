"""What a new breed from a few photos is worth, measured by holding whole breeds out."""

from collections.abc import Callable, Sequence

import numpy as np

from ml.breeds import BreedClassifier
from ml.training.breeds.calibrate import calibrate, cosines_to, prototypes
from ml.training.breeds.config import BreedsConfig
from ml.training.breeds.features import Photos
from ml.training.breeds.head import Head

# Of those breeds that have enough photos, this share is held out in a draw.
_SHARE = 0.15
_LEAST_LEFT = 3


def measure_few_shot(
    training: Photos,
    validation: Photos,
    names: Sequence[str],
    train: Callable[[Photos, Sequence[str]], Head],
    config: BreedsConfig,
) -> dict[str, float]:
    """Means over `config.draws` draws of breeds left out of the head, then added one by one.

    `train` gives a head for photos and names. `new_top1`, `new_top5` and `new_told` are of the new
    breeds' other photos, `others_before` and `others_after` the top-1 of validation photos of known
    breeds; `new_top1_deviation` is between draws. Empty where no breed has enough photos.
    """
    chance = np.random.default_rng(config.seed)
    both = np.concatenate([training.labels, validation.labels])
    enough = [n for n in names if (both == n).sum() >= config.shots + _LEAST_LEFT]
    count = round(_SHARE * len(enough))
    if not count or not config.draws:
        return {}
    found = []
    for _ in range(config.draws):
        left_out = chance.choice(enough, count, replace=False)
        kept = [name for name in names if name not in left_out]
        rest = training.only(~np.isin(training.labels, left_out))
        head = train(rest, kept)
        known = validation.only(np.isin(validation.labels, kept))
        places = np.array([kept.index(str(label)) for label in known.labels])
        few = prototypes(rest.features, rest.labels, head.names, config.shots, chance)
        calibration = calibrate(
            head.scores(known.features[:, 0]),
            places,
            cosines_to(few, known.features[:, 0]),
            config.told_right,
        )
        features = np.concatenate([training.features, validation.features])
        draw = []
        for breed in left_out:
            rows = chance.permutation(np.flatnonzero(both == breed))
            shown, asked = rows[: config.shots], rows[config.shots :]
            added = prototypes(features[shown], both[shown], (str(breed),), config.shots, chance)
            classifier = BreedClassifier(
                head.names, head.weight, head.bias, calibration, {str(breed): added[0]}
            )
            new = [guess.likely for guess in classifier.classify(features[asked, 0])]
            told = [guess.slug == breed for guess in classifier.classify(features[asked, 0])]
            before = classifier.scores(known.features[:, 0])[:, :-1].argmax(1) == places
            after = classifier.scores(known.features[:, 0]).argmax(1) == places
            draw.append(
                (
                    np.mean([likely[0][0] == breed for likely in new]),
                    np.mean([any(slug == breed for slug, _ in likely) for likely in new]),
                    np.mean(told),
                    before.mean(),
                    after.mean(),
                )
            )
        found.append(np.mean(draw, 0))
    keys = ("new_top1", "new_top5", "new_told", "others_before", "others_after")
    figures = dict(zip(keys, (float(value) for value in np.mean(found, 0)), strict=True))
    deviation = float(np.std([row[0] for row in found]))
    return {key: round(v, 4) for key, v in (figures | {"new_top1_deviation": deviation}).items()}
