"""How far an answer is: what its page shows, and when to ask again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.dogs.models import Dog
from portal.jobs.models import Job, WorkerHeartbeat
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Query, Ranking

SLOW_AFTER = timedelta(seconds=8)
# A worker that has not been heard of for so long is not there.
ALIVE = timedelta(seconds=30)
# (seconds waited, milliseconds until the page asks again)
DELAYS = ((4, 200), (20, 1000))
LONGEST_DELAY = 3000
# About what a job takes of its worker. Nobody asks before it can be their turn: fifty pages that
# ask five times a second would take more of the processor than the fifty answers.
TURN_MILLISECONDS = 60
LONGEST_TURN = 1500

STEPS = ("preparing", "finding_dog", "comparing")


@dataclass(frozen=True)
class Step:
    """`state` is done, now or next."""

    label: str
    state: str


@dataclass(frozen=True)
class Progress:
    """`job` is the newest one that works, or worked, on the ranking."""

    ranking: Ranking | None
    job: Job | None
    error_code: str = ""

    @property
    def has_answer(self) -> bool:
        return self.ranking is not None and self.ranking.ranked_at is not None

    @property
    def is_working(self) -> bool:
        return self.job is not None and self.job.is_open

    @property
    def is_open(self) -> bool:
        """Whether the page has to ask again."""
        return not self.error_code and (self.is_working or not self.has_answer)

    @property
    def is_updating(self) -> bool:
        """An older answer is shown while a newer one is made."""
        return self.has_answer and self.is_working

    @property
    def is_search(self) -> bool:
        """Whether an adopter's photo is behind it, so that another photo may help."""
        return self.ranking is None or self.ranking.query_id is not None

    @property
    def state(self) -> str:
        return "failed" if self.error_code else "open" if self.is_open else "done"

    @property
    def waited(self) -> timedelta:
        return timezone.now() - self.job.created_at if self.job else timedelta(0)

    @property
    def hold_up(self) -> str:
        """Why it takes longer than people are used to; "" while it does not."""
        if self.job is None or self.waited < SLOW_AFTER:
            return ""
        if self.job.state == Job.State.QUEUED:
            since = timezone.now() - ALIVE
            worker = WorkerHeartbeat.objects.filter(queue=self.job.queue, beat_at__gte=since)
            ready = worker.values_list("ready", flat=True).first()
            if ready is None:
                return _(
                    "Search is away for a moment. Your photo keeps its place; nothing is lost."
                )
            if not ready:
                return _(
                    "Search is starting up. This can take a minute; your photo keeps its place."
                )
        return _("Many photos came in at once. You can leave this page open, or come back to it.")

    @property
    def delay(self) -> int:
        """Milliseconds until the page asks again: often at first, then less and less, and not while
        many others come first."""
        seconds = self.waited.total_seconds()
        delay = next((delay for limit, delay in DELAYS if seconds < limit), LONGEST_DELAY)
        return max(delay, min(LONGEST_TURN, TURN_MILLISECONDS * self.ahead))

    @property
    def ahead(self) -> int:
        """Open jobs of the queue that came before."""
        if self.job is None or self.job.state != Job.State.QUEUED:
            return 0
        others = Job.objects.open().filter(queue=self.job.queue)
        return others.filter(created_at__lt=self.job.created_at).count()

    @property
    def steps(self) -> Sequence[Step]:
        """What has been done, is being done and comes next."""
        step = self.job.step if self.job else ""
        described = self.job is not None and self.job.kind == Job.Kind.RANK
        now = STEPS.index("comparing") if described else 0
        if step in STEPS:
            now = max(now, STEPS.index(step))
        query = self.ranking.query if self.ranking else None
        if query is not None and query.subject == Query.Subject.PERSON:
            subject = _("Face measured") if now > 1 else _("Measuring the face")
        else:
            subject = _("Dog found") if now > 1 else _("Finding the dog")
        labels = (
            _("Photo received") if now > 0 else _("Reading your photo"),
            subject,
            comparing(self.job.total if self.job else 0),
        )
        states = ("done" if i < now else "now" if i == now else "next" for i in range(len(labels)))
        return [Step(label, state) for label, state in zip(labels, states, strict=True)]


def comparing(dogs: int) -> str:
    if not dogs:
        return _("Comparing with the dogs in our shelters")
    words = ngettext("Comparing with %(count)d dog", "Comparing with %(count)d dogs", dogs)
    return words % {"count": dogs}


def of_query(query: Query, filters: Filters) -> Progress:
    """Where the answer to an adopter's photo stands; asks for a newer one where it is stale."""
    if query.error_code:
        return Progress(None, None, query.error_code)
    ranking = services.rank(query=query, filters=filters)
    answering = Job.objects.for_subject(Job.Kind.ANSWER_QUERY, query.pk).first()
    if answering and answering.is_open:
        return Progress(ranking, answering)
    if not query.is_described and answering:
        # It may have ended between the two reads of it.
        query.refresh_from_db()
        if not query.is_described:
            return Progress(ranking, answering, query.error_code or failure(answering))
    return of_ranking(ranking)


def of_dog(dog: Dog, filters: Filters) -> Progress:
    """Where "more like this" stands for a listed dog."""
    return of_ranking(services.rank(dog=dog, filters=filters))


def of_ranking(ranking: Ranking) -> Progress:
    job = Job.objects.for_subject(Job.Kind.RANK, ranking.pk).first()
    if job and not job.is_open:
        ranking.refresh_from_db()
    if ranking.ranked_at is None and job and not job.is_open:
        return Progress(ranking, job, failure(job))
    return Progress(ranking, job)


def failure(job: Job) -> str:
    return job.error_code or "failed_inside"
