"""A client of Pawkin 1.0.0, written from its schema: Python 3.11, no dependencies.

    from pawkin import Pawkin

    pawkin = Pawkin("https://pawkin.example", token="pk_…")
    for dog in pawkin.pages(pawkin.dogs_list, size=["s"]):
        print(dog["name"])

What fails raises ApiError with the problem's status, code and sentence (RFC 9457).
"""

from __future__ import annotations

import json
import mimetypes
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

# A file to upload: its path, or its name and content.
File = Path | tuple[str, bytes]


AgeEnum = Literal['puppy', 'young', 'adult', 'senior']


class Answer(TypedDict):
    """How far the answer is, and what it holds; dogs that went meanwhile are left out."""

    state: AnswerState
    step: str
    error: SearchProblem | None
    candidates: int
    results: list[Result]


AnswerState = Literal['open', 'done', 'failed']


BandEnum = Literal['strong', 'weak', 'none']


BirthPrecisionEnum = Literal['day', 'month', 'year']


BlankEnum = Literal['']


class Breed(TypedDict):
    slug: str
    name_en: str
    name_ko: NotRequired[str]


class BreedChance(TypedDict):
    slug: str
    name_en: str
    name_ko: str
    probability: float


Colour = Literal['white', 'cream', 'yellow', 'brown', 'red', 'grey', 'black', 'merle', 'brindle']


class DecisionRequest(TypedDict):
    take: bool


class Delivery(TypedDict):
    id: str
    event: EventEnum
    payload: Any
    state: NotRequired[DeliveryStateEnum]
    attempts: NotRequired[int]
    status: NotRequired[int | None]
    error: NotRequired[str]
    next_try_at: str
    created_at: str
    done_at: NotRequired[str | None]


DeliveryStateEnum = Literal['pending', 'done', 'given_up']


class Dog(TypedDict):
    slug: str
    url: str
    name: str
    status: DogStatus
    shelter: ShelterName
    breeds: list[Breed]
    mixed: bool
    sex: Sex
    birth_date: str | None
    birth_precision: BirthPrecisionEnum
    weight_kg: float | None
    colours: list[str]
    neutered: bool | None
    description: str
    health: str
    tags: list[str]
    temperament: list[TraitValue]
    bonded_with: str | None
    photos: list[Photo]
    listed_at: str | None
    updated_at: str


DogStatus = Literal['draft', 'available', 'on_hold', 'adopted', 'withdrawn']


class Enquiry(TypedDict):
    id: str
    dog: str
    shelter: str
    name: str
    email: str
    state: EnquiryStates
    confirmed: bool
    messages: list[Message]
    created_at: str
    updated_at: str


EnquiryStates = Literal['new', 'read', 'answered', 'closed']


EventEnum = Literal['dog.listed', 'dog.on_hold', 'dog.adopted', 'dog.withdrawn', 'match.found', 'ping']


EventsEnum = Literal['dog.listed', 'dog.on_hold', 'dog.adopted', 'dog.withdrawn', 'match.found']


class Favourite(TypedDict):
    slug: str
    name: str
    gone: bool
    dog: Dog | None
    created_at: str


class Feed(TypedDict):
    id: int
    shelter: str
    kind: FeedKind
    name: str
    settings: dict[str, Any]
    has_key: bool
    enabled: bool
    every_hours: int | None
    next_run_at: str | None
    may_withdraw_many: bool


FeedKind = Literal['datagokr', 'asm3', 'rescuegroups', 'csvzip']


class FeedRejection(TypedDict):
    where: str
    code: str
    reason: str
    of_photo: bool


class FeedRun(TypedDict):
    id: int
    state: NotRequired[RunState]
    since: NotRequired[str | None]
    new: NotRequired[int]
    changed: NotRequired[int]
    unchanged: NotRequired[int]
    withdrawn: NotRequired[int]
    rejected: NotRequired[int]
    photos: NotRequired[int]
    photos_refused: NotRequired[int]
    error_code: NotRequired[str]
    error_detail: NotRequired[str]
    started_at: str
    finished_at: NotRequired[str | None]
    rejections: list[FeedRejection]


class Job(TypedDict):
    id: str
    kind: JobKind
    subject: str
    queue: QueueEnum
    state: NotRequired[JobState]
    step: NotRequired[str]
    done: NotRequired[int]
    total: NotRequired[int]
    attempts: NotRequired[int]
    error_code: NotRequired[str]
    error_detail: NotRequired[str]
    created_at: str
    started_at: NotRequired[str | None]
    finished_at: NotRequired[str | None]


JobKind = Literal['index_photo', 'answer_query', 'rank', 'reindex', 'import_feed', 'alert', 'deliver', 'preview_import', 'crop_photo', 'make_variants', 'find_duplicates', 'measure_faces', 'watch_clip']


JobState = Literal['queued', 'running', 'done', 'failed', 'cancelled']


KnownSex = Literal['male', 'female']


LanguageEnum = Literal['en', 'ko']


class MadeToken(TypedDict):
    id: int
    name: str
    hint: str
    scopes: list[ScopesEnum]
    shelter: str | None
    created_at: str
    last_used_at: NotRequired[str | None]
    expires_at: NotRequired[str | None]
    token: str


class MadeWebhook(TypedDict):
    id: int
    url: str
    events: list[EventsEnum]
    shelter: str | None
    enabled: bool
    created_at: str
    secret: str


class Message(TypedDict):
    from_shelter: bool
    text: str
    at: str


class ModelVersion(TypedDict):
    id: int
    name: str
    title: NotRequired[str]
    fingerprint: str
    build: NotRequired[int]
    state: NotRequired[VersionState]
    missing: int
    created_at: str
    activated_at: NotRequired[str | None]


class NewDogRequest(TypedDict):
    """What can be written of a dog; what is not sent stays as it is."""

    name: str
    breeds: NotRequired[list[str]]
    mixed: NotRequired[bool]
    sex: NotRequired[Sex]
    birth_date: NotRequired[str | None]
    birth_precision: NotRequired[BirthPrecisionEnum]
    weight_kg: NotRequired[float | None]
    colours: NotRequired[list[Colour]]
    neutered: NotRequired[bool | None]
    description: NotRequired[str]
    health: NotRequired[str]
    tags: NotRequired[list[str]]
    status: NotRequired[DogStatus]
    temperament: NotRequired[dict[str, Any]]
    bonded_with: NotRequired[str | None]
    shelter: str


class NewEnquiryRequest(TypedDict):
    dog: str
    name: str
    email: str
    text: str
    language: NotRequired[LanguageEnum]


class NewFeedRequest(TypedDict):
    name: str
    settings: NotRequired[dict[str, str]]
    key: NotRequired[str]
    enabled: NotRequired[bool]
    every_hours: NotRequired[int | None]
    may_withdraw_many: NotRequired[bool]
    shelter: str
    kind: FeedKind


class NewMessageRequest(TypedDict):
    text: str


class NewReindexRequest(TypedDict):
    model: NotRequired[str]
    rebuild: NotRequired[bool]


class NewSavedSearchRequest(TypedDict):
    email: NotRequired[str]
    dog: NotRequired[str]
    search: NotRequired[str]
    consent: NotRequired[bool]
    language: NotRequired[LanguageEnum]
    wishes: NotRequired[WishesRequest]


class NewSearchRequest(TypedDict):
    """What a dog shall be like besides its looks. Unknown facts never hide a dog, unless
    `unknown=no` says so.
    """

    sex: NotRequired[KnownSex]
    neutered: NotRequired[YesNo]
    size: NotRequired[list[SizeEnum]]
    age: NotRequired[list[AgeEnum]]
    shelter: NotRequired[list[str]]
    breed: NotRequired[list[str]]
    colour: NotRequired[list[Colour]]
    near: NotRequired[str]
    within: NotRequired[WithinEnum]
    since: NotRequired[str]
    q: NotRequired[str]
    unknown: NotRequired[YesNo]
    image: File
    consent: NotRequired[bool]
    good_with_children: NotRequired[Yes]
    good_with_dogs: NotRequired[Yes]
    good_with_cats: NotRequired[Yes]
    good_with_elderly: NotRequired[Yes]
    house_trained: NotRequired[Yes]
    crate_trained: NotRequired[Yes]
    leash_trained: NotRequired[Yes]
    energy: NotRequired[str]
    sociability: NotRequired[str]
    affinity: NotRequired[str]


class NewTokenRequest(TypedDict):
    name: str
    scopes: NotRequired[list[ScopesEnum]]
    shelter: NotRequired[str]
    expires_at: NotRequired[str | None]


class NewWebhookRequest(TypedDict):
    url: str
    events: list[EventsEnum]
    enabled: NotRequired[bool]
    shelter: NotRequired[str | None]


class PaginatedDogList(TypedDict):
    next: NotRequired[str | None]
    previous: NotRequired[str | None]
    results: list[Dog]


class PaginatedEnquiryList(TypedDict):
    next: NotRequired[str | None]
    previous: NotRequired[str | None]
    results: list[Enquiry]


class PaginatedFavouriteList(TypedDict):
    next: NotRequired[str | None]
    previous: NotRequired[str | None]
    results: list[Favourite]


class PaginatedJobList(TypedDict):
    next: NotRequired[str | None]
    previous: NotRequired[str | None]
    results: list[Job]


class PaginatedPredictionList(TypedDict):
    next: NotRequired[str | None]
    previous: NotRequired[str | None]
    results: list[Prediction]


class PatchedDogFieldsRequest(TypedDict):
    """What can be written of a dog; what is not sent stays as it is."""

    name: NotRequired[str]
    breeds: NotRequired[list[str]]
    mixed: NotRequired[bool]
    sex: NotRequired[Sex]
    birth_date: NotRequired[str | None]
    birth_precision: NotRequired[BirthPrecisionEnum]
    weight_kg: NotRequired[float | None]
    colours: NotRequired[list[Colour]]
    neutered: NotRequired[bool | None]
    description: NotRequired[str]
    health: NotRequired[str]
    tags: NotRequired[list[str]]
    status: NotRequired[DogStatus]
    temperament: NotRequired[dict[str, Any]]
    bonded_with: NotRequired[str | None]


class PatchedEnquiryStateRequest(TypedDict):
    state: NotRequired[EnquiryStates]


class PatchedFeedFieldsRequest(TypedDict):
    name: NotRequired[str]
    settings: NotRequired[dict[str, str]]
    key: NotRequired[str]
    enabled: NotRequired[bool]
    every_hours: NotRequired[int | None]
    may_withdraw_many: NotRequired[bool]


class PatchedWebhookFieldsRequest(TypedDict):
    url: NotRequired[str]
    events: NotRequired[list[EventsEnum]]
    enabled: NotRequired[bool]


class Photo(TypedDict):
    id: int
    name: str
    state: PhotoState
    error_code: str
    width: int
    height: int
    full: str
    thumbnail: str
    seen: Seen | None


class PhotoOrderRequest(TypedDict):
    photos: list[int]


PhotoState = Literal['waiting', 'searchable', 'no_dog', 'unreadable', 'failed']


class PhotoUploadRequest(TypedDict):
    photos: list[File]


class Point(TypedDict):
    name: str
    x: float
    y: float
    score: float


PostureEnum = Literal['standing', 'sitting', 'lying', 'other']


class PredictAnswer(TypedDict):
    """Up to five breeds. What their probabilities lack to 1 is mixed, unknown, or another breed."""

    predictions: list[BreedChance]
    model: str


class PredictRequestRequest(TypedDict):
    file: File


class Prediction(TypedDict):
    id: int
    at: str
    purpose: PurposeEnum
    outcome: str
    model: str
    breed: NotRequired[str]
    dog: str | None
    score: NotRequired[int | None]
    band: NotRequired[str]
    milliseconds: int


class Problem(TypedDict):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: NotRequired[dict[str, list[str]]]


PurposeEnum = Literal['search', 'similar_dog', 'predict']


QueueEnum = Literal['interactive', 'batch']


class RefusedFile(TypedDict):
    file: str
    code: str
    detail: str


class Reindex(TypedDict):
    """How far the reindex is that runs, or ran last."""

    version: str
    state: JobState
    done: int
    total: int
    photos_a_second: float | None
    seconds_left: float | None
    error_code: str


class Result(TypedDict):
    rank: int
    score: int
    band: BandEnum
    similarity: float
    reasons: list[str]
    parts: dict[str, float] | None
    dog: Dog
    photo: Photo


RunState = Literal['running', 'done', 'failed']


class SavedSearch(TypedDict):
    id: str
    email: str
    state: str
    dog: str | None
    filters: dict[str, Any]
    created_at: str
    expires_at: str


ScopesEnum = Literal['write', 'search', 'admin']


class Search(TypedDict):
    """How far the answer is, and what it holds; dogs that went meanwhile are left out."""

    state: AnswerState
    step: str
    error: SearchProblem | None
    candidates: int
    results: list[Result]
    id: str
    seen: Seen | None
    face: dict[str, float] | None
    expires_at: str


class SearchProblem(TypedDict):
    code: str
    detail: str


class Seen(TypedDict):
    """Where the dog is in a photo, and its keypoints."""

    box: list[float]
    points: list[Point]
    ratios: dict[str, float | None]
    posture: PostureEnum | BlankEnum
    view: ViewEnum | BlankEnum


Sex = Literal['male', 'female', 'unknown']


class Shelter(TypedDict):
    slug: str
    name: str
    city: NotRequired[str]
    address: NotRequired[str]
    phone: NotRequired[str]
    opening_hours: NotRequired[str]


class ShelterName(TypedDict):
    slug: str
    name: str
    city: NotRequired[str]


class SimilarDogAnswer(TypedDict):
    dogImageId: str
    dogId: str
    score: int
    band: BandEnum


class SimilarDogRequestRequest(TypedDict):
    """What a dog shall be like besides its looks. Unknown facts never hide a dog, unless
    `unknown=no` says so.
    """

    sex: NotRequired[KnownSex]
    neutered: NotRequired[YesNo]
    size: NotRequired[list[SizeEnum]]
    age: NotRequired[list[AgeEnum]]
    shelter: NotRequired[list[str]]
    breed: NotRequired[list[str]]
    colour: NotRequired[list[Colour]]
    near: NotRequired[str]
    within: NotRequired[WithinEnum]
    since: NotRequired[str]
    q: NotRequired[str]
    unknown: NotRequired[YesNo]
    imageId: NotRequired[str]
    image: File
    consent: NotRequired[bool]
    good_with_children: NotRequired[Yes]
    good_with_dogs: NotRequired[Yes]
    good_with_cats: NotRequired[Yes]
    good_with_elderly: NotRequired[Yes]
    house_trained: NotRequired[Yes]
    crate_trained: NotRequired[Yes]
    leash_trained: NotRequired[Yes]
    energy: NotRequired[str]
    sociability: NotRequired[str]
    affinity: NotRequired[str]


SizeEnum = Literal['xs', 's', 'm', 'l', 'xl']


class StartedSearch(TypedDict):
    """How far the answer is, and what it holds; dogs that went meanwhile are left out."""

    state: AnswerState
    step: str
    error: SearchProblem | None
    candidates: int
    results: list[Result]
    id: str
    seen: Seen | None
    face: dict[str, float] | None
    expires_at: str
    secret: str


SuggestionState = Literal['open', 'taken', 'dismissed']


class TemperamentSuggestion(TypedDict):
    """A trait read out of a source's free text; `words` are those it was read from."""

    trait: TraitEnum
    answer: str
    level: int | None
    words: str
    state: SuggestionState


class Token(TypedDict):
    id: int
    name: str
    hint: str
    scopes: list[ScopesEnum]
    shelter: str | None
    created_at: str
    last_used_at: NotRequired[str | None]
    expires_at: NotRequired[str | None]


TraitEnum = Literal['good_with_children', 'good_with_dogs', 'good_with_cats', 'good_with_elderly', 'house_trained', 'crate_trained', 'leash_trained', 'energy', 'sociability', 'affinity']


class TraitValue(TypedDict):
    """A trait that is known; one that is not here is unknown."""

    trait: TraitEnum
    answer: str
    level: int | None
    set_at: str


class Uploaded(TypedDict):
    """What was taken, and what was not and why."""

    photos: list[Photo]
    refused: list[RefusedFile]


VersionState = Literal['available', 'building', 'active', 'retired']


ViewEnum = Literal['front', 'front-left', 'front-right', 'left', 'right', 'back', 'back-left', 'back-right']


class Webhook(TypedDict):
    id: int
    url: str
    events: list[EventsEnum]
    shelter: str | None
    enabled: bool
    created_at: str


class WishesRequest(TypedDict):
    """What a dog shall be like besides its looks. Unknown facts never hide a dog, unless
    `unknown=no` says so.
    """

    sex: NotRequired[KnownSex]
    neutered: NotRequired[YesNo]
    size: NotRequired[list[SizeEnum]]
    age: NotRequired[list[AgeEnum]]
    shelter: NotRequired[list[str]]
    breed: NotRequired[list[str]]
    colour: NotRequired[list[Colour]]
    near: NotRequired[str]
    within: NotRequired[WithinEnum]
    since: NotRequired[str]
    q: NotRequired[str]
    unknown: NotRequired[YesNo]
    good_with_children: NotRequired[Yes]
    good_with_dogs: NotRequired[Yes]
    good_with_cats: NotRequired[Yes]
    good_with_elderly: NotRequired[Yes]
    house_trained: NotRequired[Yes]
    crate_trained: NotRequired[Yes]
    leash_trained: NotRequired[Yes]
    energy: NotRequired[str]
    sociability: NotRequired[str]
    affinity: NotRequired[str]


WithinEnum = Literal['10', '25', '50', '100', '200']


Yes = Literal['yes']


YesNo = Literal['yes', 'no']


class ApiError(Exception):
    """An answer that is no success; `problem` is its body."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        self.retry_after = retry_after
        super().__init__(f"{status} {self.code}: {problem.get('detail', '')}")


def _quoted(value: object) -> str:
    return urllib.parse.quote(str(value), safe="")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _multipart(form: Mapping[str, Any]) -> tuple[bytes, str]:
    """RFC 7578: fields and files, a list being a field that is there several times."""
    boundary = uuid.uuid4().hex
    parts: list[bytes] = []
    for name, value in form.items():
        for one in value if isinstance(value, list) else [value]:
            if one is None:
                continue
            told = f'Content-Disposition: form-data; name="{name}"'
            if isinstance(one, Path):
                one = (one.name, one.read_bytes())
            if isinstance(one, tuple):
                file_name, data = one
                kind = mimetypes.guess_type(file_name)[0] or "application/octet-stream"
                safe = file_name.replace('"', "%22").replace("\r", " ").replace("\n", " ")
                told += f'; filename="{safe}"\r\nContent-Type: {kind}'
            else:
                data = _text(one).encode()
            parts.append(f"--{boundary}\r\n{told}\r\n\r\n".encode() + data + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


class Pawkin:
    """The calls of one installation at `address`; `token` as made on its account page."""

    def __init__(self, address: str, token: str = "", *, timeout: float = 30.0) -> None:
        self.address = address.rstrip("/")
        self.token = token
        self.timeout = timeout

    def pages(self, call: Callable[..., Any], *arguments: Any, **named: Any) -> Iterator[Any]:
        """All results of a call that answers in pages, one after another."""
        page = call(*arguments, **named)
        while True:
            yield from page["results"]
            if not page.get("next"):
                return
            page = self._call("GET", page["next"])

    def wait(self, search_id: str, *, seconds: float = 30.0, secret: str | None = None) -> Search:
        """A search once it has ended, or as it stands after so many seconds."""
        until, pause = time.monotonic() + seconds, 0.2
        while True:
            search: Search = self._call(
                "GET",
                f"/api/v1/searches/{_quoted(search_id)}/",
                headers={"X-Search-Secret": secret},
            )
            if search["state"] != "open" or time.monotonic() >= until:
                return search
            time.sleep(pause)
            pause = min(2.0, 1.5 * pause)

    def _open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        accept: str = "application/json",
    ) -> Any:
        address = path if path.startswith(("http://", "https://")) else self.address + path
        if not address.startswith(self.address + "/"):
            raise ValueError(f"{address} is not an address of {self.address}")
        pairs = [
            (name, _text(one))
            for name, value in (query or {}).items()
            for one in (value if isinstance(value, list | tuple) else [value])
            if one is not None
        ]
        if pairs:
            address += ("&" if "?" in address else "?") + urllib.parse.urlencode(pairs)
        sent = {"Accept": accept, **{k: v for k, v in (headers or {}).items() if v is not None}}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        data = None
        if form is not None:
            data, sent["Content-Type"] = _multipart(form)
        elif body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(address, data, sent, method=method)
        try:
            return urllib.request.urlopen(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {"detail": text[:500]}
            wait = error.headers.get("Retry-After")
            raise ApiError(error.code, problem, float(wait) if wait else None) from None

    def _call(self, method: str, path: str, **what: Any) -> Any:
        with self._open(method, path, **what) as answer:
            data = answer.read()
            if not data:
                return None
            kind = answer.headers.get_content_type()
            return json.loads(data) if kind.endswith("json") else data

    def _events(self, method: str, path: str, **what: Any) -> Iterator[dict[str, Any]]:
        """Server-sent events (WHATWG HTML, 9.2), the data of each as JSON."""
        with self._open(method, path, accept="text/event-stream", **what) as answer:
            data: list[str] = []
            for line in answer:
                text = line.decode().rstrip("\r\n")
                if text.startswith("data:"):
                    data.append(text[5:].removeprefix(" "))
                elif not text and data:
                    yield json.loads("\n".join(data))
                    data = []


    def breeds_list(
        self,
    ) -> list[Breed]:
        """All breeds by their English names."""
        return self._call("GET", "/api/v1/breeds/")

    def dogs_create(
        self,
        body: NewDogRequest,
        *,
        idempotency_key: str | None = None,
    ) -> Dog:
        """A new dog of one of your shelters: a draft, unless `status` says otherwise."""
        return self._call("POST", "/api/v1/dogs/", headers={'Idempotency-Key': idempotency_key}, body=body)

    def dogs_list(
        self,
        *,
        affinity: str | None = None,
        age: list[Literal['puppy', 'young', 'adult', 'senior']] | None = None,
        breed: list[str] | None = None,
        colour: list[Literal['white', 'cream', 'yellow', 'brown', 'red', 'grey', 'black', 'merle', 'brindle']] | None = None,
        crate_trained: Literal['yes'] | None = None,
        cursor: str | None = None,
        energy: str | None = None,
        good_with_cats: Literal['yes'] | None = None,
        good_with_children: Literal['yes'] | None = None,
        good_with_dogs: Literal['yes'] | None = None,
        good_with_elderly: Literal['yes'] | None = None,
        house_trained: Literal['yes'] | None = None,
        leash_trained: Literal['yes'] | None = None,
        near: str | None = None,
        neutered: Literal['yes', 'no'] | None = None,
        page_size: int | None = None,
        q: str | None = None,
        sex: Literal['male', 'female'] | None = None,
        shelter: list[str] | None = None,
        since: str | None = None,
        size: list[Literal['xs', 's', 'm', 'l', 'xl']] | None = None,
        sociability: str | None = None,
        status: Literal['adopted', 'available', 'draft', 'on_hold', 'withdrawn'] | None = None,
        unknown: Literal['yes', 'no'] | None = None,
        within: Literal['10', '25', '50', '100', '200'] | None = None,
    ) -> PaginatedDogList:
        """Dogs, newest first; with filters as on the pages."""
        return self._call("GET", "/api/v1/dogs/", query={'affinity': affinity, 'age': age, 'breed': breed, 'colour': colour, 'crate_trained': crate_trained, 'cursor': cursor, 'energy': energy, 'good_with_cats': good_with_cats, 'good_with_children': good_with_children, 'good_with_dogs': good_with_dogs, 'good_with_elderly': good_with_elderly, 'house_trained': house_trained, 'leash_trained': leash_trained, 'near': near, 'neutered': neutered, 'page_size': page_size, 'q': q, 'sex': sex, 'shelter': shelter, 'since': since, 'size': size, 'sociability': sociability, 'status': status, 'unknown': unknown, 'within': within})

    def dogs_photos_create(
        self,
        slug: str,
        body: PhotoUploadRequest,
        *,
        idempotency_key: str | None = None,
    ) -> Uploaded:
        """Adds photos. Each file is taken or refused by itself; where none is taken, the answer is
        the problem of the first.
        """
        return self._call("POST", f"/api/v1/dogs/{_quoted(slug)}/photos/", headers={'Idempotency-Key': idempotency_key}, form=body)

    def dogs_photos_list(
        self,
        slug: str,
    ) -> list[Photo]:
        """All photos of a dog that can be shown; to its shelter's staff the others too."""
        return self._call("GET", f"/api/v1/dogs/{_quoted(slug)}/photos/")

    def dogs_photos_order(
        self,
        slug: str,
        body: PhotoOrderRequest,
    ) -> list[Photo]:
        """Puts the photos in this order, the first being the cover; others follow."""
        return self._call("PUT", f"/api/v1/dogs/{_quoted(slug)}/photos/order/", body=body)

    def dogs_read(
        self,
        slug: str,
    ) -> Dog:
        """A dog with all its photos and what was seen in them."""
        return self._call("GET", f"/api/v1/dogs/{_quoted(slug)}/")

    def dogs_similar(
        self,
        slug: str,
        *,
        affinity: str | None = None,
        age: list[Literal['puppy', 'young', 'adult', 'senior']] | None = None,
        breed: list[str] | None = None,
        colour: list[Literal['white', 'cream', 'yellow', 'brown', 'red', 'grey', 'black', 'merle', 'brindle']] | None = None,
        crate_trained: Literal['yes'] | None = None,
        energy: str | None = None,
        good_with_cats: Literal['yes'] | None = None,
        good_with_children: Literal['yes'] | None = None,
        good_with_dogs: Literal['yes'] | None = None,
        good_with_elderly: Literal['yes'] | None = None,
        house_trained: Literal['yes'] | None = None,
        leash_trained: Literal['yes'] | None = None,
        near: str | None = None,
        neutered: Literal['yes', 'no'] | None = None,
        q: str | None = None,
        sex: Literal['male', 'female'] | None = None,
        shelter: list[str] | None = None,
        since: str | None = None,
        size: list[Literal['xs', 's', 'm', 'l', 'xl']] | None = None,
        sociability: str | None = None,
        unknown: Literal['yes', 'no'] | None = None,
        within: Literal['10', '25', '50', '100', '200'] | None = None,
    ) -> Answer:
        """Dogs like this one. 202 while they are being looked for: ask again in a second."""
        return self._call("GET", f"/api/v1/dogs/{_quoted(slug)}/similar/", query={'affinity': affinity, 'age': age, 'breed': breed, 'colour': colour, 'crate_trained': crate_trained, 'energy': energy, 'good_with_cats': good_with_cats, 'good_with_children': good_with_children, 'good_with_dogs': good_with_dogs, 'good_with_elderly': good_with_elderly, 'house_trained': house_trained, 'leash_trained': leash_trained, 'near': near, 'neutered': neutered, 'q': q, 'sex': sex, 'shelter': shelter, 'since': since, 'size': size, 'sociability': sociability, 'unknown': unknown, 'within': within})

    def dogs_suggestions_decide(
        self,
        slug: str,
        trait: str,
        body: DecisionRequest,
        *,
        idempotency_key: str | None = None,
    ) -> TemperamentSuggestion:
        """Takes a suggestion over in your name, or dismisses it."""
        return self._call("POST", f"/api/v1/dogs/{_quoted(slug)}/suggestions/{_quoted(trait)}/", headers={'Idempotency-Key': idempotency_key}, body=body)

    def dogs_suggestions_list(
        self,
        slug: str,
    ) -> list[TemperamentSuggestion]:
        """What was read of a dog's temperament in its feed's words, for staff to decide."""
        return self._call("GET", f"/api/v1/dogs/{_quoted(slug)}/suggestions/")

    def dogs_update(
        self,
        slug: str,
        body: PatchedDogFieldsRequest | None = None,
        *,
        if_match: str | None = None,
    ) -> Dog:
        """Writes what is sent. With If-Match, only if nobody wrote meanwhile."""
        return self._call("PATCH", f"/api/v1/dogs/{_quoted(slug)}/", headers={'If-Match': if_match}, body=body)

    def enquiries_create(
        self,
        body: NewEnquiryRequest,
        *,
        idempotency_key: str | None = None,
    ) -> Enquiry:
        """Asks the dog's shelter. An address that is not your account's gets one e-mail with a
        link; the shelter sees the question once it is followed.
        """
        return self._call("POST", "/api/v1/enquiries/", headers={'Idempotency-Key': idempotency_key}, body=body)

    def enquiries_list(
        self,
        *,
        cursor: str | None = None,
        page_size: int | None = None,
        state: Literal['answered', 'closed', 'new', 'read'] | None = None,
    ) -> PaginatedEnquiryList:
        """Your enquiries, and those that your shelters got."""
        return self._call("GET", "/api/v1/enquiries/", query={'cursor': cursor, 'page_size': page_size, 'state': state})

    def enquiries_messages_create(
        self,
        enquiry_id: str,
        body: NewMessageRequest,
        *,
        idempotency_key: str | None = None,
    ) -> Enquiry:
        """Another message, from whichever side you are on; the other gets an e-mail."""
        return self._call("POST", f"/api/v1/enquiries/{_quoted(enquiry_id)}/messages/", headers={'Idempotency-Key': idempotency_key}, body=body)

    def enquiries_read(
        self,
        enquiry_id: str,
    ) -> Enquiry:
        """One enquiry with its messages."""
        return self._call("GET", f"/api/v1/enquiries/{_quoted(enquiry_id)}/")

    def enquiries_update(
        self,
        enquiry_id: str,
        body: PatchedEnquiryStateRequest | None = None,
    ) -> Enquiry:
        """Its state, by the shelter's staff: read, answered, closed."""
        return self._call("PATCH", f"/api/v1/enquiries/{_quoted(enquiry_id)}/", body=body)

    def favourites_drop(
        self,
        slug: str,
    ) -> None:
        """Keeps a dog no longer."""
        return self._call("DELETE", f"/api/v1/favourites/{_quoted(slug)}/")

    def favourites_keep(
        self,
        slug: str,
    ) -> None:
        """Keeps a dog; unchanged where you keep it already."""
        return self._call("PUT", f"/api/v1/favourites/{_quoted(slug)}/")

    def favourites_list(
        self,
        *,
        cursor: str | None = None,
        page_size: int | None = None,
    ) -> PaginatedFavouriteList:
        """The dogs you keep, newest first; one that was adopted since is told as gone."""
        return self._call("GET", "/api/v1/favourites/", query={'cursor': cursor, 'page_size': page_size})

    def feeds_create(
        self,
        body: NewFeedRequest,
        *,
        idempotency_key: str | None = None,
    ) -> Feed:
        """A new feed. Its key is kept encrypted and never told again."""
        return self._call("POST", "/api/v1/feeds/", headers={'Idempotency-Key': idempotency_key}, body=body)

    def feeds_delete(
        self,
        feed_id: int,
    ) -> None:
        """The feed goes; its dogs stay with the shelter."""
        return self._call("DELETE", f"/api/v1/feeds/{_quoted(feed_id)}/")

    def feeds_list(
        self,
    ) -> list[Feed]:
        """The feeds of your shelters."""
        return self._call("GET", "/api/v1/feeds/")

    def feeds_read(
        self,
        feed_id: int,
    ) -> Feed:
        """One feed."""
        return self._call("GET", f"/api/v1/feeds/{_quoted(feed_id)}/")

    def feeds_runs_create(
        self,
        feed_id: int,
        *,
        idempotency_key: str | None = None,
    ) -> Feed:
        """Has the feed read now; nothing more where it is being read."""
        return self._call("POST", f"/api/v1/feeds/{_quoted(feed_id)}/runs/", headers={'Idempotency-Key': idempotency_key})

    def feeds_runs_list(
        self,
        feed_id: int,
    ) -> list[FeedRun]:
        """Its last runs: what was new, changed, withdrawn, and rejected with the reason."""
        return self._call("GET", f"/api/v1/feeds/{_quoted(feed_id)}/runs/")

    def feeds_update(
        self,
        feed_id: int,
        body: PatchedFeedFieldsRequest | None = None,
    ) -> Feed:
        """Writes what is sent."""
        return self._call("PATCH", f"/api/v1/feeds/{_quoted(feed_id)}/", body=body)

    def jobs_list(
        self,
        *,
        cursor: str | None = None,
        kind: Literal['alert', 'answer_query', 'crop_photo', 'deliver', 'find_duplicates', 'import_feed', 'index_photo', 'make_variants', 'measure_faces', 'preview_import', 'rank', 'reindex', 'watch_clip'] | None = None,
        page_size: int | None = None,
        state: Literal['cancelled', 'done', 'failed', 'queued', 'running'] | None = None,
    ) -> PaginatedJobList:
        """All jobs, newest first."""
        return self._call("GET", "/api/v1/jobs/", query={'cursor': cursor, 'kind': kind, 'page_size': page_size, 'state': state})

    def jobs_retry(
        self,
        job_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> Job:
        """Opens a failed job again. A search cannot be: its photo is gone."""
        return self._call("POST", f"/api/v1/jobs/{_quoted(job_id)}/retry/", headers={'Idempotency-Key': idempotency_key})

    def model_versions_activate(
        self,
        version_id: int,
        *,
        idempotency_key: str | None = None,
    ) -> ModelVersion:
        """Lets this version answer from the next search on, forward or back. 409 while photos are
        missing for it.
        """
        return self._call("POST", f"/api/v1/model-versions/{_quoted(version_id)}/activate/", headers={'Idempotency-Key': idempotency_key})

    def model_versions_list(
        self,
    ) -> list[ModelVersion]:
        """All sets of models, newest first."""
        return self._call("GET", "/api/v1/model-versions/")

    def photos_delete(
        self,
        photo_id: int,
    ) -> None:
        """Deletes a photo with everything computed from it."""
        return self._call("DELETE", f"/api/v1/photos/{_quoted(photo_id)}/")

    def photos_read(
        self,
        photo_id: int,
    ) -> Photo:
        """A photo and its state: waiting, searchable, or why it is not."""
        return self._call("GET", f"/api/v1/photos/{_quoted(photo_id)}/")

    def photos_retry(
        self,
        photo_id: int,
        *,
        idempotency_key: str | None = None,
    ) -> Photo:
        """Has a photo that failed prepared once more."""
        return self._call("POST", f"/api/v1/photos/{_quoted(photo_id)}/retry/", headers={'Idempotency-Key': idempotency_key})

    def predict(
        self,
        body: PredictRequestRequest,
        *,
        idempotency_key: str | None = None,
    ) -> PredictAnswer:
        """What breeds the dog in the photo looks like; waits for it. The photo is deleted with the
        answer.
        """
        return self._call("POST", "/api/v1/predict", headers={'Idempotency-Key': idempotency_key}, form=body)

    def predictions_list(
        self,
        *,
        cursor: str | None = None,
        outcome: str | None = None,
        page_size: int | None = None,
        purpose: Literal['predict', 'search', 'similar_dog'] | None = None,
        since: str | None = None,
    ) -> PaginatedPredictionList:
        """What the models answered lately, newest first: no photo, no person."""
        return self._call("GET", "/api/v1/predictions/", query={'cursor': cursor, 'outcome': outcome, 'page_size': page_size, 'purpose': purpose, 'since': since})

    def reindex_create(
        self,
        body: NewReindexRequest | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Reindex:
        """Has photos described beside the live version, which answers meanwhile."""
        return self._call("POST", "/api/v1/reindex/", headers={'Idempotency-Key': idempotency_key}, body=body)

    def reindex_delete(
        self,
    ) -> None:
        """Stops the reindex that runs; what it stored stays for another time."""
        return self._call("DELETE", "/api/v1/reindex/")

    def reindex_read(
        self,
    ) -> Reindex:
        """How far the reindex is that runs, or ran last. 404 before the first."""
        return self._call("GET", "/api/v1/reindex/")

    def saved_searches_create(
        self,
        body: NewSavedSearchRequest | None = None,
        *,
        x_search_secret: str | None = None,
        idempotency_key: str | None = None,
    ) -> SavedSearch:
        """Saves a search. An address that is not your account's gets one e-mail with a link, and
        no other before the link is followed.
        """
        return self._call("POST", "/api/v1/saved-searches/", headers={'X-Search-Secret': x_search_secret, 'Idempotency-Key': idempotency_key}, body=body)

    def saved_searches_delete(
        self,
        saved_id: str,
    ) -> None:
        """Deletes a saved search with what was kept for it."""
        return self._call("DELETE", f"/api/v1/saved-searches/{_quoted(saved_id)}/")

    def saved_searches_list(
        self,
    ) -> list[SavedSearch]:
        """Your saved searches."""
        return self._call("GET", "/api/v1/saved-searches/")

    def searches_create(
        self,
        body: NewSearchRequest,
        *,
        idempotency_key: str | None = None,
    ) -> StartedSearch:
        """Starts a search by a photo of a dog. Its answer is at Location, in a second or so."""
        return self._call("POST", "/api/v1/searches/", headers={'Idempotency-Key': idempotency_key}, form=body)

    def searches_delete(
        self,
        search_id: str,
        *,
        x_search_secret: str | None = None,
    ) -> None:
        """Deletes the photo and everything computed from it, at once."""
        return self._call("DELETE", f"/api/v1/searches/{_quoted(search_id)}/", headers={'X-Search-Secret': x_search_secret})

    def searches_events(
        self,
        search_id: str,
        *,
        affinity: str | None = None,
        age: list[Literal['puppy', 'young', 'adult', 'senior']] | None = None,
        breed: list[str] | None = None,
        colour: list[Literal['white', 'cream', 'yellow', 'brown', 'red', 'grey', 'black', 'merle', 'brindle']] | None = None,
        crate_trained: Literal['yes'] | None = None,
        energy: str | None = None,
        format: Literal['events', 'json'] | None = None,
        good_with_cats: Literal['yes'] | None = None,
        good_with_children: Literal['yes'] | None = None,
        good_with_dogs: Literal['yes'] | None = None,
        good_with_elderly: Literal['yes'] | None = None,
        house_trained: Literal['yes'] | None = None,
        leash_trained: Literal['yes'] | None = None,
        near: str | None = None,
        neutered: Literal['yes', 'no'] | None = None,
        q: str | None = None,
        sex: Literal['male', 'female'] | None = None,
        shelter: list[str] | None = None,
        since: str | None = None,
        size: list[Literal['xs', 's', 'm', 'l', 'xl']] | None = None,
        sociability: str | None = None,
        unknown: Literal['yes', 'no'] | None = None,
        within: Literal['10', '25', '50', '100', '200'] | None = None,
        x_search_secret: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Server-sent events: the search whenever it gets on, and its answer. A stream ends after
        half a minute at most, and browsers connect again by themselves.
        """
        return self._events("GET", f"/api/v1/searches/{_quoted(search_id)}/events/", query={'affinity': affinity, 'age': age, 'breed': breed, 'colour': colour, 'crate_trained': crate_trained, 'energy': energy, 'format': format, 'good_with_cats': good_with_cats, 'good_with_children': good_with_children, 'good_with_dogs': good_with_dogs, 'good_with_elderly': good_with_elderly, 'house_trained': house_trained, 'leash_trained': leash_trained, 'near': near, 'neutered': neutered, 'q': q, 'sex': sex, 'shelter': shelter, 'since': since, 'size': size, 'sociability': sociability, 'unknown': unknown, 'within': within}, headers={'X-Search-Secret': x_search_secret})

    def searches_read(
        self,
        search_id: str,
        *,
        affinity: str | None = None,
        age: list[Literal['puppy', 'young', 'adult', 'senior']] | None = None,
        breed: list[str] | None = None,
        colour: list[Literal['white', 'cream', 'yellow', 'brown', 'red', 'grey', 'black', 'merle', 'brindle']] | None = None,
        crate_trained: Literal['yes'] | None = None,
        energy: str | None = None,
        good_with_cats: Literal['yes'] | None = None,
        good_with_children: Literal['yes'] | None = None,
        good_with_dogs: Literal['yes'] | None = None,
        good_with_elderly: Literal['yes'] | None = None,
        house_trained: Literal['yes'] | None = None,
        leash_trained: Literal['yes'] | None = None,
        near: str | None = None,
        neutered: Literal['yes', 'no'] | None = None,
        q: str | None = None,
        sex: Literal['male', 'female'] | None = None,
        shelter: list[str] | None = None,
        since: str | None = None,
        size: list[Literal['xs', 's', 'm', 'l', 'xl']] | None = None,
        sociability: str | None = None,
        unknown: Literal['yes', 'no'] | None = None,
        within: Literal['10', '25', '50', '100', '200'] | None = None,
        x_search_secret: str | None = None,
    ) -> Search:
        """How far a search is, and its answer under these filters, which may change."""
        return self._call("GET", f"/api/v1/searches/{_quoted(search_id)}/", query={'affinity': affinity, 'age': age, 'breed': breed, 'colour': colour, 'crate_trained': crate_trained, 'energy': energy, 'good_with_cats': good_with_cats, 'good_with_children': good_with_children, 'good_with_dogs': good_with_dogs, 'good_with_elderly': good_with_elderly, 'house_trained': house_trained, 'leash_trained': leash_trained, 'near': near, 'neutered': neutered, 'q': q, 'sex': sex, 'shelter': shelter, 'since': since, 'size': size, 'sociability': sociability, 'unknown': unknown, 'within': within}, headers={'X-Search-Secret': x_search_secret})

    def shelters_list(
        self,
    ) -> list[Shelter]:
        """All shelters by name."""
        return self._call("GET", "/api/v1/shelters/")

    def similar_dog(
        self,
        body: SimilarDogRequestRequest,
        *,
        idempotency_key: str | None = None,
    ) -> SimilarDogAnswer:
        """The one dog most like the dog, or with `consent` the person, in the photo; waits for it.
        The photo is deleted with the answer, a person's as soon as its proportions are taken.
        """
        return self._call("POST", "/api/v1/similar-dog", headers={'Idempotency-Key': idempotency_key}, form=body)

    def tokens_create(
        self,
        body: NewTokenRequest,
        *,
        idempotency_key: str | None = None,
    ) -> MadeToken:
        """A new token. It reads what you may read; `write`, `search` and `admin` allow more."""
        return self._call("POST", "/api/v1/tokens/", headers={'Idempotency-Key': idempotency_key}, body=body)

    def tokens_delete(
        self,
        token_id: int,
    ) -> None:
        """Revokes a token at once."""
        return self._call("DELETE", f"/api/v1/tokens/{_quoted(token_id)}/")

    def tokens_list(
        self,
    ) -> list[Token]:
        """Your tokens that are not revoked."""
        return self._call("GET", "/api/v1/tokens/")

    def webhooks_create(
        self,
        body: NewWebhookRequest,
        *,
        idempotency_key: str | None = None,
    ) -> MadeWebhook:
        """A new webhook, and the secret that signs what it gets, shown this once."""
        return self._call("POST", "/api/v1/webhooks/", headers={'Idempotency-Key': idempotency_key}, body=body)

    def webhooks_delete(
        self,
        webhook_id: int,
    ) -> None:
        """Nothing more is sent to it."""
        return self._call("DELETE", f"/api/v1/webhooks/{_quoted(webhook_id)}/")

    def webhooks_deliveries_list(
        self,
        webhook_id: int,
    ) -> list[Delivery]:
        """The last hundred deliveries and what became of them."""
        return self._call("GET", f"/api/v1/webhooks/{_quoted(webhook_id)}/deliveries/")

    def webhooks_list(
        self,
    ) -> list[Webhook]:
        """Your webhooks."""
        return self._call("GET", "/api/v1/webhooks/")

    def webhooks_ping(
        self,
        webhook_id: int,
        *,
        idempotency_key: str | None = None,
    ) -> Delivery:
        """Sends a `ping`, to try the receiver with."""
        return self._call("POST", f"/api/v1/webhooks/{_quoted(webhook_id)}/ping/", headers={'Idempotency-Key': idempotency_key})

    def webhooks_secret(
        self,
        webhook_id: int,
        *,
        idempotency_key: str | None = None,
    ) -> MadeWebhook:
        """Another secret in place of the old one, shown this once."""
        return self._call("POST", f"/api/v1/webhooks/{_quoted(webhook_id)}/secret/", headers={'Idempotency-Key': idempotency_key})

    def webhooks_update(
        self,
        webhook_id: int,
        body: PatchedWebhookFieldsRequest | None = None,
    ) -> Webhook:
        """Writes what is sent; `enabled` switches one on again that was given up."""
        return self._call("PATCH", f"/api/v1/webhooks/{_quoted(webhook_id)}/", body=body)
