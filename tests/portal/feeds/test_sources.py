"""Each source against a server that speaks its protocol, with every trap that is known of it."""

import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal.feeds.errors import FeedError
from portal.feeds.records import Record
from portal.feeds.sources import open_source
from portal.feeds.sources import rescuegroups as rescuegroups_module
from portal.feeds.sources.asm3 import Asm3
from portal.feeds.sources.datagokr import ROWS, SEOUL, birth_of, read, status_of, weight_of
from portal.feeds.sources.reading import Unusable, read_rows
from portal.feeds.vocabulary import breeds as breeds_module
from tests.portal.feeds.servers import (
    Asm3Server,
    DataGoKrServer,
    RescueGroupsServer,
    animal,
    as_json,
    rescue,
    stray,
)
from tests.portal.uploads import jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_breeds(db):
    breeds_module.forget()


def everything(source, since=None):
    pages = list(source.pages(since=since, cursor=None))
    assert [page.cursor for page in pages[:-1]].count(None) == 0
    assert pages[-1].cursor is None
    records = [record for page in pages for record in page.records]
    return records, [r for page in pages for r in page.rejected], pages


def datagokr(server, client, key="a+b/c==", **settings):
    return open_source(
        "datagokr", client=client, settings={"address": server.address, **settings}, key=key
    )


def ago(days):
    return f"{timezone.localdate(timezone=SEOUL) - timedelta(days=days):%Y%m%d}"


def test_datagokr_finds_what_lies_behind_the_last_month(serve, client_):
    rows = [stray(n, happenDt=ago(days)) for n, days in enumerate((0, 1, 45, 200, 364), 1)]
    server = serve(DataGoKrServer(rows))
    records, rejected, pages = everything(datagokr(server, client_))
    assert {r.external_id for r in records} == {row["desertionNo"] for row in rows}
    assert rejected == []
    assert pages[-1].complete
    assert all("bgnde" in request.query for request in server.requests)


def test_datagokr_pages_by_what_comes_and_not_by_the_total(serve, client_):
    rows = [stray(n, happenDt=ago(3)) for n in range(ROWS + 1)]
    server = serve(DataGoKrServer(rows, total_is_off_by=-7))
    records, _, _ = everything(datagokr(server, client_, reaches_back_days=10))
    assert len({r.external_id for r in records}) == ROWS + 1


def test_datagokr_goes_on_at_a_cursor(serve, client_):
    rows = [stray(n, happenDt=ago(days)) for n, days in enumerate((0, 100, 200, 300), 1)]
    source = datagokr(serve(DataGoKrServer(rows)), client_)
    pages = list(source.pages(since=None, cursor=None))
    for number, page in enumerate(pages[:-1]):
        rest = list(source.pages(since=None, cursor=page.cursor))
        assert [p.records for p in rest] == [p.records for p in pages[number + 1 :]]


def test_datagokr_asks_for_changes_only(serve, client_):
    rows = [
        stray(1, happenDt=ago(300), updTm=f"{timezone.localdate():%Y-%m-%d} 10:00:00.0"),
        stray(2, happenDt=ago(300), updTm="2026-01-02 10:00:00.0"),
    ]
    server = serve(DataGoKrServer(rows))
    since = timezone.now() - timedelta(days=2)
    records, _, pages = everything(datagokr(server, client_), since)
    assert [r.external_id for r in records] == [rows[0]["desertionNo"]]
    assert not pages[-1].complete


@pytest.mark.parametrize("key", ["a+b/c==", "a%2Bb%2Fc%3D%3D"])
def test_datagokr_takes_a_key_encoded_or_decoded(key, serve, client_):
    server = serve(DataGoKrServer([stray(1, happenDt=ago(1))]))
    records, _, _ = everything(datagokr(server, client_, key=key))
    assert len(records) == 1


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ("30 SERVICE_KEY_IS_NOT_REGISTERED_ERROR", "feed_key_refused"),
        ("22 LIMITED_NUMBER_OF_SERVICE_REQUESTS_EXCEEDS_ERROR", "feed_limit_reached"),
        ("12 NO_OPENAPI_SERVICE_ERROR", "feed_answer_unreadable"),
    ],
)
def test_datagokr_understands_its_gateway(broken, code, serve, client_):
    server = serve(DataGoKrServer([], broken=broken))
    with pytest.raises(FeedError) as caught:
        everything(datagokr(server, client_))
    assert caught.value.code == code


def test_datagokr_other_faults_are_named(serve, client_):
    for answer in (
        as_json({"response": {"header": {"resultCode": "99", "resultMsg": "?"}}}),
        as_json([]),
        (200, {}, b"<html>maintenance</html>"),
        as_json({"OpenAPI_ServiceResponse": {"cmmMsgHeader": {"returnReasonCode": "99"}}}),
    ):
        server = serve(lambda request, answer=answer: answer)
        with pytest.raises(FeedError, match="") as caught:
            everything(datagokr(server, client_))
        assert caught.value.code == "feed_answer_unreadable"


def test_datagokr_an_item_in_our_words():
    record = read(
        stray(
            7, kindNm="진도견", kindFullNm="[개] 진도견", colorCd="흰색", noticeEdt=ago(5),
            popfile1="http://x.example/1.jpg", popfile2="http://x.example/2.jpg", popfile3="",
            specialMark="온순함, 사람을 좋아함", sfeHealth="건강함", neuterYn="N", sexCd="M",
        )
    )  # fmt: skip
    assert record.breeds == ("jindo-dog",)
    assert record.name.startswith("진도견")
    assert record.fields["mixed"] is False
    assert record.fields["sex"] == "male"
    assert record.fields["neutered"] is False
    assert record.fields["weight_kg"] == Decimal("5.20")
    assert record.fields["colours"] == ["white"]
    assert record.fields["birth_date"].year == 2024
    assert record.fields["birth_precision"] == "year"
    assert record.fields["description"] == "온순함, 사람을 좋아함"
    assert record.fields["health"] == "건강함"
    assert record.status == "available"
    assert record.photos == ("http://x.example/1.jpg", "http://x.example/2.jpg")
    assert record.suggestions["sociability"][0] == 4
    assert record.temperament == {}
    odd = read(stray(8, kindNm="삼지견", kindFullNm="[개] 삼지견", colorCd="얼룩"))
    assert (odd.breed_text, odd.colour_text, odd.breeds) == ("삼지견", "얼룩", ())
    assert read(stray(9, kindFullNm="[고양이] 한국 고양이")) is None


def test_datagokr_in_care_is_not_yet_to_adopt():
    later, tomorrow = ago(-3), timezone.localdate(timezone=SEOUL) - timedelta(days=-4)
    for state in ("보호중", "공고중"):
        status, opens = status_of({"processState": state, "noticeEdt": later})
        assert status == "on_hold"
        assert opens.astimezone(SEOUL).date() == tomorrow
        assert status_of({"processState": state, "noticeEdt": ago(1)}) == ("available", None)
    # On its last day the notice still runs.
    assert status_of({"processState": "보호중", "noticeEdt": ago(0)})[0] == "on_hold"
    assert status_of({"processState": "종료(입양)"}) == ("adopted", None)
    for end in ("종료(반환)", "종료(안락사)", "종료(자연사)", "종료(기증)", "종료(방사)"):
        assert status_of({"processState": end}) == ("withdrawn", None)
    with pytest.raises(Unusable):
        status_of({"processState": "?"})


@pytest.mark.parametrize(
    ("words", "kilograms"),
    [
        ("8.8(Kg)", "8.80"), ("1~1.2(Kg)", "1.10"), ("1,7(Kg)", "1.70"), ("12..00(Kg)", "12.00"),
        ("4 (Kg)", "4.00"), ("", None), ("(Kg)", None), ("0(Kg)", None), ("999(Kg)", None),
        ("3-5(Kg)", "4.00"), ("약 6(Kg)", "6.00"),
    ],
)  # fmt: skip
def test_datagokr_weights(words, kilograms):
    assert weight_of(words) == (None if kilograms is None else Decimal(kilograms))


def test_datagokr_ages():
    assert birth_of("2020(년생)")["birth_date"] == date(2020, 7, 1)
    young = birth_of(f"{timezone.localdate().year}(60일미만)(년생)")
    assert young["birth_date"] <= timezone.localdate()
    for words in ("", "unknown", "1890(년생)", "2999(년생)"):
        assert birth_of(words) == {}


def asm3(server, client, **settings):
    settings = {"address": f"{server.address}/service", "username": "pawkin", **settings}
    return open_source("asm3", client=client, settings=settings, key="secret")


def test_asm3_in_our_words(serve, client_):
    server = serve(
        Asm3Server(
            [
                animal(1, BONDEDANIMALID=2, WEBSITEIMAGECOUNT=2),
                animal(2, BREEDNAME1="Foo Hound", BREEDNAME2="Foo Hound", CROSSBREED=0, SEX=0),
                animal(3, SPECIESNAME="Cat"),
                animal(4, ID=None),
            ],
            photos={("1", "2"): jpeg()},
        )
    )
    source = asm3(server, client_)
    (rex, odd), rejected, pages = everything(source)
    assert [r.code for r in rejected] == ["row_without_id"]
    assert pages[-1].complete
    assert rex.breeds == ("golden-retriever", "beagle")
    assert rex.temperament == {
        "good_with_cats": "no",
        "good_with_dogs": "yes",
        "good_with_children": "selective",
        "energy": 4,
    }
    assert rex.fields["weight_kg"] == Decimal("18.40")
    assert rex.fields["birth_date"] == date(2023, 4, 5)
    assert rex.fields["colours"] == ["black", "brown"]
    assert rex.fields["description"] == "A calm boy.\nNot good with cats & hens."
    assert rex.bonded_with == "2"
    assert rex.photos == ("1/1", "1/2")
    assert (odd.breed_text, odd.fields["sex"], odd.bonded_with) == ("Foo Hound", "female", "")
    assert source.photo("1/2").startswith(b"\xff\xd8")
    with pytest.raises(FeedError) as caught:
        source.photo("1/1")
    assert caught.value.code == "feed_photo_refused"
    assert asm3(server, client_, weight_unit="lb").weight_of(10) == Decimal("4.54")


def test_asm3_refuses_a_wrong_password_and_an_answer_that_is_none(serve, client_):
    server = serve(Asm3Server([], password="another"))
    with pytest.raises(FeedError) as caught:
        everything(asm3(server, client_))
    assert caught.value.code == "feed_key_refused"
    with pytest.raises(FeedError) as caught:
        everything(asm3(serve(lambda request: (200, {}, b"ERROR")), client_))
    assert caught.value.code == "feed_answer_unreadable"
    with pytest.raises(FeedError) as caught:
        open_source("asm3", client=client_, settings={}, key="")
    assert caught.value.code == "feed_settings_missing"


def test_rescuegroups_in_our_words(serve, client_):
    server = serve(RescueGroupsServer([], size=2))
    server.answer.dogs = [rescue(n, server.address) for n in range(1, 6)]
    source = open_source(
        "rescuegroups", client=client_, settings={"address": f"{server.address}/v5"}, key="rg-key"
    )
    records, rejected, pages = everything(source)
    assert [r.external_id for r in records] == ["1", "2", "3", "4", "5"]
    assert rejected == []
    assert [page.cursor for page in pages] == [2, 3, None]
    luna = records[0]
    assert luna.breeds == ("labrador-retriever",)
    assert luna.breed_text == "Sky Terrier Of Nowhere"
    assert luna.temperament == {
        "good_with_dogs": "yes",
        "good_with_cats": "no",
        "house_trained": "yes",
        "crate_trained": "yes",
        "energy": 3,
        "sociability": 4,
    }
    assert luna.suggestions["good_with_children"] == ("yes", "Loves kids")
    assert "birth_date" not in luna.fields
    assert luna.photos == tuple(f"{server.address}/pictures/1-{n}.jpg" for n in (1, 2))
    assert source.photo(luna.photos[0]).startswith(b"\xff\xd8")


def test_rescuegroups_refuses_a_wrong_key(serve, client_):
    server = serve(RescueGroupsServer([]))
    source = open_source(
        "rescuegroups", client=client_, settings={"address": f"{server.address}/v5"}, key="wrong"
    )
    with pytest.raises(FeedError) as caught:
        everything(source)
    assert caught.value.code == "feed_key_refused"


def archive(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


def csvzip(serve, client, data):
    server = serve(lambda request: (200, {}, data))
    return open_source("csvzip", client=client, settings={"address": server.address}, key="")


def test_csvzip_in_our_words(serve, client_):
    table = "dog,name,breeds,weight_kg,energy\nbori,Bori,Beagle|Moon Hound,4.5,3\nx,X,,1,\n"
    source = csvzip(serve, client_, archive(**{"all/dogs.csv": table, "all/bori/1.jpg": jpeg()}))
    [bori], rejected, pages = everything(source)
    assert (bori.name, bori.breeds, bori.breed_text) == ("Bori", ("beagle",), "Moon Hound")
    assert bori.temperament == {"energy": 3}
    assert bori.fields["weight_kg"] == Decimal("4.5")
    assert [r.code for r in rejected] == ["row_unusable"]
    assert "x" in rejected[0].reason
    assert pages[-1].complete
    assert source.photo(bori.photos[0]).startswith(b"\xff\xd8")
    for outside in ("../../etc/passwd", "/etc/passwd", "no/such.jpg"):
        with pytest.raises(FeedError):
            source.photo(outside)


def test_csvzip_keeps_what_leads_outside_out(serve, client_, tmp_path):
    data = archive(
        **{"dogs.csv": "dog\nbori\n", "bori/1.jpg": jpeg(), "../evil.jpg": b"x",
           "/abs.jpg": b"x", "C:/evil.jpg": b"x", "bori/run.sh": b"x", ".hidden/1.jpg": b"x"}
    )  # fmt: skip
    source = csvzip(serve, client_, data)
    everything(source)
    there = sorted(p.relative_to(source.folder).as_posix() for p in source.folder.rglob("*.*"))
    assert there == ["bori/1.jpg", "dogs.csv"]
    assert not (source.folder.parent / "evil.jpg").exists()


def test_csvzip_refuses_bombs_and_what_is_no_archive(serve, client_):
    bomb = archive(**{"dogs.csv": "dog\n", "a.jpg": b"\0" * (40 * 1024 * 1024)})
    for data, code in (
        (bomb, "feed_answer_too_large"),
        (b"no archive", "feed_answer_unreadable"),
        (archive(**{"dogs.csv": "name\nx\n"}), "feed_answer_unreadable"),
    ):
        with pytest.raises(FeedError) as caught:
            everything(csvzip(serve, client_, data))
        assert caught.value.code == code


def test_an_unknown_kind_names_those_there_are(client_):
    with pytest.raises(FeedError, match="datagokr"):
        open_source("petfinder", client=client_, settings={}, key="")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3)
    ),
    max_leaves=6,
)


def rows_like(example):
    return st.fixed_dictionaries(
        {}, optional={name: anything | st.just(value) for name, value in example.items()}
    )


def judged(rows, reader, key):
    records, rejected = read_rows(rows, reader, key)
    assert all(isinstance(record, Record) and record.external_id for record in records)
    assert all(r.code and r.reason for r in rejected)
    for record in records:
        weight = record.fields.get("weight_kg")
        assert weight is None or 0 < weight <= 120
        assert len(record.name) <= 80


@given(st.lists(anything | rows_like(stray(1)), max_size=3))
def test_datagokr_survives_whatever_comes(rows):
    judged(rows, read, "desertionNo")


@given(st.lists(anything | rows_like(animal(1)), max_size=3))
def test_asm3_survives_whatever_comes(rows):
    judged(rows, Asm3(None, {"address": "x"}, "").read, "ID")  # type: ignore[arg-type]


@given(
    st.lists(
        anything | rows_like({**rescue(1)["attributes"], "birthDate": "2020-01-01"}), max_size=3
    )
)
def test_rescuegroups_survives_whatever_comes(rows):
    dogs = [{"id": "1", "attributes": row, "relationships": row} for row in rows]
    judged([*dogs, *rows], lambda row: rescuegroups_module.read(row, {}), "id")


def test_times_of_sources_carry_their_zone():
    record = read(stray(1))
    assert record.changed_at == datetime(2026, 10, 21, 1, 11, 12, tzinfo=UTC)


BROKEN_OFF = (
    {"response": {"header": {"resultCode": "00"}}},
    {"response": {"header": {"resultCode": "00"}, "body": {"totalCount": 5}}},
    {"response": {"header": {"resultCode": "00"}, "body": {"items": {"item": "?"}}}},
)


@pytest.mark.parametrize("answer", BROKEN_OFF)
def test_datagokr_an_answer_that_breaks_off_does_not_list_nobody(answer, serve, client_):
    """It would withdraw every dog."""
    server = serve(lambda request: as_json(answer))
    with pytest.raises(FeedError) as caught:
        everything(datagokr(server, client_))
    assert caught.value.code == "feed_answer_unreadable"


def test_datagokr_short_pages_do_not_end_a_window(serve, client_):
    rows = [stray(n, happenDt=ago(3)) for n in range(25)]
    whole_pages = DataGoKrServer(rows)

    def ten_at_most(request):
        request.query["numOfRows"] = "10"
        return whole_pages(request)

    source = datagokr(serve(ten_at_most), client_, reaches_back_days=10)
    records, _, pages = everything(source)
    assert len({r.external_id for r in records}) == 25
    assert pages[-1].complete


def test_datagokr_without_an_end_of_notice_is_held_for_ten_days():
    assert status_of({"processState": "보호중", "noticeSdt": ago(9)})[0] == "on_hold"
    assert status_of({"processState": "보호중", "noticeSdt": ago(11)})[0] == "available"
    assert status_of({"processState": "보호중"}) == ("on_hold", None)


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"errors": []}, {"data": {}}])
def test_rescuegroups_an_answer_that_breaks_off_does_not_list_nobody(answer, serve, client_):
    server = serve(lambda request: as_json(answer))
    source = open_source(
        "rescuegroups", client=client_, settings={"address": server.address}, key="k"
    )
    with pytest.raises(FeedError) as caught:
        everything(source)
    assert caught.value.code == "feed_answer_unreadable"


def test_csvzip_an_archive_of_something_else_does_not_list_nobody(serve, client_):
    with pytest.raises(FeedError) as caught:
        everything(csvzip(serve, client_, archive(**{"notes.txt": "hello"})))
    assert caught.value.code == "feed_answer_unreadable"


def test_asm3_faults_told_in_words_with_status_200(serve, client_):
    for told, code in (
        (b"ERROR: Invalid username and password", "feed_key_refused"),
        (b"ERROR: no such method", "feed_answer_unreadable"),
    ):
        server = serve(lambda request, told=told: (200, {}, told))
        with pytest.raises(FeedError) as caught:
            everything(asm3(server, client_))
        assert caught.value.code == code


def test_asm3_photos_keep_their_reference_when_their_order_changes(serve, client_):
    urls = [f"https://x/service?method=media_image&mediaid={n}&ts={n}0" for n in (7, 8)]
    server = serve(Asm3Server([animal(1, PHOTOURLS=urls), animal(2, PHOTOURLS=urls[::-1])]))
    (first, second), _, _ = everything(asm3(server, client_))
    assert first.photos == ("media/7/70", "media/8/80")
    assert second.photos == first.photos[::-1]
