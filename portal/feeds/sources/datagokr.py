"""Korea's stray animals: data.go.kr 15098931, abandonmentPublicService_v2/abandonmentPublic_v2
(Ministry of Agriculture, Food and Rural Affairs; guide of version 2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from django.utils import timezone

from portal.dogs.models import Dog
from portal.feeds.errors import FeedError
from portal.feeds.network import Client, Response
from portal.feeds.records import Page, Record
from portal.feeds.sources.reading import Unusable, listing, mapping, read_rows, text, whole
from portal.feeds.vocabulary.breeds import breed_of, is_mixed
from portal.feeds.vocabulary.colours import colours_in
from portal.feeds.vocabulary.temperament import suggestions_in

ADDRESS = "https://apis.data.go.kr/1543061/abandonmentPublicService_v2/abandonmentPublic_v2"
SEOUL = ZoneInfo("Asia/Seoul")
DOGS = "417000"
ROWS = 1000
# Without dates only the last 31 days come, so all windows are named.
WINDOW = timedelta(days=60)
REACHES_BACK = timedelta(days=365)
# A dog is the town's to give away ten days after its notice began (Animal Protection Act, 43).
NOTICE = timedelta(days=10)
MOST_PAGES = 500
# Nobody lists a dog for longer, and windows are asked for one by one.
MOST_DAYS = 20 * 365

# Codes of the gateway, which answers in a form of its own, and of the service.
REFUSED = {"20", "21", "30", "31", "32", "33"}
LIMITED = {"22", "23"}
AWAY = {"1", "2", "4", "5"}
NO_DATA = {"3", "03"}
_GATEWAY_CODE = re.compile(r"returnReasonCode\W{1,6}(\d{1,3})")

_PLAUSIBLE_KG = (Decimal("0.01"), Decimal(120))
_SEX = {"M": Dog.Sex.MALE, "F": Dog.Sex.FEMALE, "Q": Dog.Sex.UNKNOWN}
_SETTINGS = ("care_reg_no", "upr_cd", "org_cd")


class DataGoKr:
    """Settings: `care_reg_no` (a shelter), or `upr_cd`, `org_cd` (a region); `address` and
    `reaches_back_days` where they differ. `key` as the portal shows it, encoded or decoded."""

    incremental = True

    def __init__(self, client: Client, settings: Mapping[str, Any], key: str) -> None:
        self.client = client
        self.address = text(settings.get("address")) or ADDRESS
        self.places = {n: text(settings[n]) for n in _SETTINGS if text(settings.get(n))}
        days = whole(settings.get("reaches_back_days"))
        self.reaches_back = (
            timedelta(days=min(days, MOST_DAYS)) if days and days > 0 else REACHES_BACK
        )
        # Encoded keys are sent decoded, since they are encoded once more on their way.
        self.key = unquote(key.strip())

    def pages(self, *, since: datetime | None, cursor: Any) -> Iterator[Page]:
        """By windows of time: of days of finding, or with `since` of days of change. A cursor is
        [first day of the window, page]."""
        today = timezone.localdate(timezone=SEOUL)
        first = today - self.reaches_back
        if since is not None:
            # A day's margin, since days are those of Seoul.
            first = since.astimezone(SEOUL).date() - timedelta(days=1)
        number = 1
        before: list[Any] = []
        if cursor:
            first, number = date.fromisoformat(cursor[0]), int(cursor[1])
        while first <= today:
            last = min(today, first + WINDOW)
            names = ("bgnde", "endde") if since is None else ("bgupd", "enupd")
            days = dict(zip(names, (f"{first:%Y%m%d}", f"{last:%Y%m%d}"), strict=True))
            rows, total = self._rows(days, number)
            records, rejected = read_rows(rows, read, "desertionNo")
            # totalCount is off by some, and a page may hold fewer than were asked for: a window
            # ends with a page that brings nothing new.
            more = bool(rows) and rows != before
            before = rows
            if number > MOST_PAGES:
                raise FeedError(
                    "feed_answer_unreadable", "Choose a smaller region.", "pages without end"
                )
            nothing_after = not more and last >= today
            following: list[Any] | None = (
                [first.isoformat(), number + 1]
                if more
                else None if nothing_after else [(last + timedelta(days=1)).isoformat(), 1]
            )  # fmt: skip
            yield Page(
                records,
                rejected,
                cursor=following,
                total=total,
                complete=nothing_after and since is None,
            )
            if following is None:
                return
            first, number = date.fromisoformat(following[0]), following[1]

    def photo(self, reference: str) -> bytes:
        return photo_of(self.client.get(reference, max_bytes=20 * 1024 * 1024))

    def _rows(self, days: Mapping[str, str], number: int) -> tuple[list[Any], int | None]:
        response = self.client.get(
            self.address,
            params={
                "serviceKey": self.key,
                **days,
                **self.places,
                "upkind": DOGS,
                "pageNo": number,
                "numOfRows": ROWS,
                "_type": "json",
            },
        )
        refuse_gateway(response)
        answer = mapping(mapping(response.json()).get("response"))
        code = text(mapping(answer.get("header")).get("resultCode"))
        if code in NO_DATA:
            return [], 0
        if code not in ("00", "0", "0000"):
            _refuse(code, text(mapping(answer.get("header")).get("resultMsg"), 200))
        body = answer.get("body")
        total = whole(mapping(body).get("totalCount"))
        found = mapping(mapping(body).get("items")).get("item", [])
        # One row comes as an object, none as "".
        rows = [found] if isinstance(found, Mapping) else listing(found or [])
        told = isinstance(body, Mapping) and ("items" in body or total == 0)
        if not told or (found and not rows):
            # An answer that breaks off must not pass for one that lists nobody.
            raise FeedError("feed_answer_unreadable", "Try again later.", "no items")
        return rows, total


def photo_of(response: Response) -> bytes:
    """The bytes of an answer that is a photo. Raises FeedError for any other."""
    if response.status != 200:
        raise FeedError("feed_photo_refused", "Ask the source for it.", f"{response.status}")
    return response.body


def refuse_gateway(response: Response) -> None:
    """Errors of the gateway come in XML or JSON, and with status 200."""
    start = response.body[:4000].decode(errors="replace")
    if "OpenAPI_ServiceResponse" in start or "returnReasonCode" in start:
        code = _GATEWAY_CODE.search(start)
        _refuse(code[1].lstrip("0") or "0" if code else "", "gateway")
    if response.status != 200:
        _refuse("", f"status {response.status}")


def _refuse(code: str, told: str) -> None:
    number = code.lstrip("0") or code
    if number in REFUSED:
        raise FeedError("feed_key_refused", "Enter the key of this feed again.", f"{code} {told}")
    if number in LIMITED:
        raise FeedError("feed_limit_reached", "Try again tomorrow.", f"{code} {told}")
    if number in AWAY:
        raise FeedError("feed_unreachable", "Try again later.", f"{code} {told}")
    raise FeedError("feed_answer_unreadable", "Check the feed's settings.", f"{code} {told}")


def read(row: Mapping[str, Any]) -> Record | None:
    """One item; None for other animals. Raises Unusable."""
    number = text(row.get("desertionNo"), 60)
    if not number:
        raise Unusable("row_without_id", "This row has no desertionNo.")
    kind = text(row.get("kindFullNm"), 120)
    animal = re.match(r"\[(.*?)\]", kind)
    if animal[1].strip() != "개" if animal else text(row.get("upKindCd"), 20) not in ("", DOGS):
        return None
    breed_text = text(row.get("kindNm"), 80) or re.sub(r"^\[.*?\]\s*", "", kind)
    breed = breed_of(breed_text)
    status, adoptable_from = status_of(row)
    described = [text(row.get(name)) for name in ("specialMark", "sfeSoci")]
    words = "\n".join(dict.fromkeys(part for part in described if part))
    notice = text(row.get("noticeNo"), 40) or number
    colour = text(row.get("colorCd"), 80)
    fields: dict[str, Any] = {
        "mixed": breed is None or is_mixed(breed_text),
        "sex": _SEX.get(text(row.get("sexCd"), 2).upper(), Dog.Sex.UNKNOWN).value,
        "neutered": {"Y": True, "N": False}.get(text(row.get("neuterYn"), 2).upper()),
        "weight_kg": weight_of(text(row.get("weight"), 40)),
        "colours": colours_in(colour),
        "description": words,
        "health": text(row.get("sfeHealth")),
        **birth_of(text(row.get("age"), 60)),
    }
    photos = [text(row.get(f"popfile{n}"), 500) for n in range(1, 9)]
    photos += [text(row.get("popfile"), 500)]
    return Record(
        external_id=number,
        # The dogs have no names; their notice's number is what the shelter knows them by.
        name=f"{breed_text or '개'} {notice[-10:]}".strip()[:80],
        fields=fields,
        breeds=(breed,) if breed else (),
        breed_text="" if breed else breed_text,
        colour_text="" if fields["colours"] else colour,
        status=status,
        adoptable_from=adoptable_from,
        suggestions=suggestions_in(words),
        photos=tuple(dict.fromkeys(p for p in photos if re.match(r"https?://", p))),
        changed_at=changed_of(text(row.get("updTm"), 40)),
    )


def status_of(row: Mapping[str, Any]) -> tuple[str, datetime | None]:
    """Dog.Status, and from when on it can be adopted where its notice still runs: 보호중 (in care)
    is not yet adoptable until the day after noticeEdt, in Seoul."""
    state = text(row.get("processState"), 40).replace(" ", "")
    if state.startswith("종료"):
        return (Dog.Status.ADOPTED.value if "입양" in state else Dog.Status.WITHDRAWN.value), None
    if "보호" not in state and "공고" not in state:
        raise Unusable("status_unknown", f"The state {state[:20]!r} is not one of the service's.")
    ends, begins, found = (
        day_of(text(row.get(name), 10)) for name in ("noticeEdt", "noticeSdt", "happenDt")
    )
    begins = begins or found
    try:
        ends = ends or (begins and begins + NOTICE)
        after = ends and ends + timedelta(days=1)
    except OverflowError:
        # 99991231 and the like stand for "no end".
        after = None
    if after is None:
        return Dog.Status.ON_HOLD.value, None
    opens = datetime.combine(after, time.min, SEOUL)
    if opens > timezone.now():
        return Dog.Status.ON_HOLD.value, opens
    return Dog.Status.AVAILABLE.value, None


def weight_of(words: str) -> Decimal | None:
    """8.8(Kg), 1~1.2(Kg) (their mean), 1,7(Kg), 12..00(Kg); None where it is none, or no dog's."""
    tidy = re.sub(r"\.{2,}", ".", words.replace(",", "."))
    found = [Decimal(number) for number in re.findall(r"\d{1,4}(?:\.\d{1,4})?", tidy)[:2]]
    if not found:
        return None
    if len(found) == 2 and not re.search(r"\d\s*[~\-∼～]\s*\d", tidy):
        found = found[:1]
    weight = (sum(found, Decimal(0)) / len(found)).quantize(Decimal("0.01"))
    return weight if _PLAUSIBLE_KG[0] <= weight <= _PLAUSIBLE_KG[1] else None


def birth_of(words: str) -> dict[str, Any]:
    """2020(년생), 2026(60일미만)(년생): the year is all that is known."""
    found = re.match(r"\s*(\d{4})", words)
    if not found:
        return {}
    year = int(found[1])
    today = timezone.localdate(timezone=SEOUL)
    if not today.year - 30 <= year <= today.year:
        return {}
    born = min(date(year, 7, 1), today)
    return {"birth_date": born, "birth_precision": Dog.BirthPrecision.YEAR.value}


def day_of(words: str) -> date | None:
    try:
        return datetime.strptime(words, "%Y%m%d").date()
    except ValueError:
        return None


def changed_of(words: str) -> datetime | None:
    """updTm, in Seoul: 2026-11-25 10:11:12.0"""
    try:
        return datetime.strptime(words[:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=SEOUL)
    except ValueError:
        return None
