"""What people did and how well they were served, over a span of time; read from rows when asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from django.db.models import Avg, Count, Max, Min, Q, QuerySet
from django.db.models.functions import TruncHour

from portal.dogs.models import Breed, Dog, Photo
from portal.insights.models import Prediction
from portal.insights.spans import Span
from portal.matching.models import Click, Embedding, Keypoints, ModelVersion, Posture, Query
from portal.matching.queries import active_version

# Answers whose times are looked at one by one: beyond, the newest stand for all.
TIMES = 50_000
# Ranks with a row of their own.
RANKS = 10
BREEDS = 12
# Photos by which the naming of breeds is judged and postures are counted, the newest ones.
LABELLED = 5000


@dataclass(frozen=True)
class Column:
    """What happened in one column of a span; times in milliseconds, None where nobody searched."""

    start: datetime
    uploads: int
    answered: int
    failed: int
    median: int | None
    slowest: int | None
    clicks: int


@dataclass(frozen=True)
class Activity:
    columns: list[Column]
    uploads: int
    answered: int
    failed: int
    median: int | None
    slowest: int | None
    without_match: int
    clicks: int

    @property
    def without_match_percent(self) -> int | None:
        return percent(self.without_match, self.answered)

    @property
    def clicks_a_hundred(self) -> int | None:
        """Dogs opened from a hundred answers."""
        return percent(self.clicks, self.answered)


def percent(part: int, whole: int) -> int | None:
    return round(100 * part / whole) if whole else None


def quantile(values: Sequence[int], share: float) -> int | None:
    """The smallest of the values that `share` (0 to 1) of them do not exceed; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


# Staff ask for a breed while they list a dog; that is no search.
SEARCHES = Q(purpose__in=[Query.Purpose.SEARCH, Query.Purpose.SIMILAR_DOG])


def activity(span: Span, now: datetime | None = None) -> Activity:
    starts = span.starts(now)
    since = starts[0]

    def hourly(rows: QuerySet[Any], field: str) -> list[int]:
        found = rows.order_by().annotate(hour=TruncHour(field)).values_list("hour")
        return [sum(column) for column in span.sort(found.annotate(n=Count("pk")), starts)]

    searches = Prediction.objects.filter(SEARCHES, at__gte=since)
    answered = searches.filter(outcome="ok")
    uploads = hourly(Photo.objects.filter(created_at__gte=since), "created_at")
    hours = searches.order_by().annotate(hour=TruncHour("at")).values_list("hour")
    told = list(hours.annotate(n=Count("pk"), ok=Count("pk", filter=Q(outcome="ok"))))
    well = [sum(column) for column in span.sort([(hour, ok) for hour, _, ok in told], starts)]
    every_hour = [sum(column) for column in span.sort([(hour, n) for hour, n, _ in told], starts)]
    badly = [n - ok for n, ok in zip(every_hour, well, strict=True)]
    clicks = hourly(Click.objects.filter(at__gte=since), "at")
    newest = list(answered.order_by("-pk").values_list("at", "milliseconds")[:TIMES])
    times = span.sort(newest, starts)
    every = [value for column in times for value in column]
    # An answer whose best dog is hardly like the photo, or that has no dog at all.
    without = answered.filter(Q(band="none") | Q(dog=None)).count()
    return Activity(
        columns=[
            Column(
                start=start,
                uploads=uploads[n],
                answered=well[n],
                failed=badly[n],
                median=quantile(times[n], 0.5),
                slowest=quantile(times[n], 0.95),
                clicks=clicks[n],
            )
            for n, start in enumerate(starts)
        ],
        uploads=sum(uploads),
        answered=sum(well),
        failed=sum(badly),
        median=quantile(every, 0.5),
        slowest=quantile(every, 0.95),
        without_match=without,
        clicks=sum(clicks),
    )


@dataclass(frozen=True)
class Share:
    """One row of a bar table: `value` of `whole`."""

    label: str
    value: int
    whole: int

    @property
    def percent(self) -> int:
        return percent(self.value, self.whole) or 0


def clicks_by_rank(span: Span, now: datetime | None = None) -> list[Share]:
    """How often the first, second, … dog of an answer was opened, of all that were."""
    since = span.starts(now)[0]
    rows = Click.objects.filter(at__gte=since).order_by().values_list("rank")
    counts = dict(rows.annotate(n=Count("pk")))
    whole = sum(counts.values())
    if not whole:
        return []
    shares = [Share(f"{rank}.", counts.get(rank, 0), whole) for rank in range(1, RANKS + 1)]
    more = sum(n for rank, n in counts.items() if rank > RANKS)
    return [*shares, Share(f"> {RANKS}.", more, whole)] if more else shares


def breeds_listed() -> tuple[list[Share], int, int]:
    """The most frequent breeds of dogs that can be adopted, how many such dogs have no breed in
    their listing, and how many there are."""
    counts = Dog.objects.adoptable().aggregate(
        whole=Count("pk", distinct=True), without=Count("pk", filter=Q(breeds=None))
    )
    whole = counts["whole"]
    adoptable = Count("dogs", filter=Q(dogs__status=Dog.Status.AVAILABLE))
    rows = Breed.objects.annotate(n=adoptable).filter(n__gt=0).order_by("-n", "slug")[:BREEDS]
    return [Share(str(row), row.n, whole) for row in rows], counts["without"], whole


def postures_seen(version: ModelVersion | None = None) -> list[Share]:
    """What dogs that can be adopted do in their newest photos, as the live version saw it; empty
    where it tells no posture."""
    rows = (
        Keypoints.objects.filter(
            version=version or active_version(), photo__dog__status=Dog.Status.AVAILABLE
        )
        .exclude(posture="")
        .order_by("-pk")
        .values_list("posture", flat=True)[:LABELLED]
    )
    counts = Counter(rows)
    whole = counts.total()
    return [Share(str(kind.label), counts[kind], whole) for kind in Posture] if whole else []


@dataclass(frozen=True)
class BreedTold:
    """Of photos of dogs that are of this one breed by their listing: how often it was named first,
    and how often among the five."""

    label: str
    photos: int
    first: int
    among: int

    @property
    def first_percent(self) -> int:
        return percent(self.first, self.photos) or 0

    @property
    def among_percent(self) -> int:
        return percent(self.among, self.photos) or 0


def breeds_told(version: ModelVersion | None = None) -> list[BreedTold]:
    """The live version's naming of breeds against what shelters wrote; all breeds first."""
    version = version or active_version()
    rows = (
        Embedding.objects.filter(version=version, breeds__isnull=False, photo__dog__mixed=False)
        .annotate(n=Count("photo__dog__breeds"), slug=Min("photo__dog__breeds__slug"))
        .filter(n=1)
        .order_by("-pk")
        .values_list("slug", "breeds")[:LABELLED]
    )
    photos: Counter[str] = Counter()
    first: Counter[str] = Counter()
    among: Counter[str] = Counter()
    for slug, told in rows:
        names = [name for name, _chance in told or ()]
        photos[slug] += 1
        first[slug] += names[:1] == [slug]
        among[slug] += slug in names
    if not photos:
        return []
    breeds = {row.slug: str(row) for row in Breed.objects.filter(slug__in=photos)}
    each = [
        BreedTold(breeds[slug], n, first[slug], among[slug]) for slug, n in photos.most_common()
    ]
    return [BreedTold("", photos.total(), first.total(), among.total()), *each]


@dataclass(frozen=True)
class VersionServed:
    """How a model version has served people: from the log of answers, as far back as it is kept."""

    version: ModelVersion
    answered: int
    without_match: int
    score: float | None
    milliseconds: float | None
    since: datetime
    until: datetime

    @property
    def without_match_percent(self) -> int | None:
        return percent(self.without_match, self.answered)


def versions_served() -> list[VersionServed]:
    """Versions that have answered a search, the newest first."""
    rows = (
        Prediction.objects.filter(SEARCHES, outcome="ok", version__isnull=False)
        .order_by()
        .values("version")
        .annotate(
            answered=Count("pk"),
            without_match=Count("pk", filter=Q(band="none") | Q(dog=None)),
            score=Avg("score"),
            milliseconds=Avg("milliseconds"),
            since=Min("at"),
            until=Max("at"),
        )
    )
    versions = {row.pk: row for row in ModelVersion.objects.defer("spec")}
    served = [
        VersionServed(
            version=versions[row["version"]],
            answered=row["answered"],
            without_match=row["without_match"],
            score=row["score"],
            milliseconds=row["milliseconds"],
            since=row["since"],
            until=row["until"],
        )
        for row in rows
    ]
    return sorted(served, key=lambda row: row.version.created_at, reverse=True)
