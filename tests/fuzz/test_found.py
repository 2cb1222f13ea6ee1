"""What the fuzzers and the heaviest files found, each in words."""

import io
import time
import zipfile

import pytest
from django.http import QueryDict

from portal.feeds.errors import FeedError
from portal.feeds.sources import csvzip, open_source, reading, rescuegroups
from portal.feeds.sources.asm3 import Asm3
from portal.feeds.sources.datagokr import DataGoKr, status_of
from portal.feeds.vocabulary.breeds import breed_of, folded
from portal.feeds.vocabulary.colours import colours_in
from portal.feeds.vocabulary.temperament import suggestions_in
from portal.matching.filters import Filters
from tests.fuzz import addresses
from tests.fuzz.heavy import long_list, many_links, zipped
from tests.fuzz.records import Repeating, check, check_rejected, read

pytestmark = pytest.mark.django_db

# A table's cell at its longest.
LONGEST = 131_072


@pytest.mark.parametrize("name", ["noticeEdt", "noticeSdt", "happenDt"])
def test_a_notice_without_an_end(name):
    """99991231 is how some systems write it; a day after it there is none."""
    assert status_of({"processState": "보호중", name: "99991231"}) == ("on_hold", None)


def test_a_feed_that_reaches_back_before_all_days():
    settings = {"reaches_back_days": "999999999"}
    source = DataGoKr(Repeating(b""), settings, "key")
    with pytest.raises(FeedError):
        list(source.pages(since=None, cursor=None))


@pytest.mark.parametrize("weight", ["1e9999999", "-1e9999999", "1e-9999999", "NaN", "sNaN", "Inf"])
def test_a_weight_that_no_number_holds(weight):
    asm3 = Asm3(Repeating(b""), {"address": "a", "weight_unit": "lb"}, "")
    assert asm3.weight_of(weight) is None


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (suggestions_in, "겁" + " " * LONGEST + "x"),
        (suggestions_in, "사람" * (LONGEST // 2)),
        (suggestions_in, "walks well on " * (LONGEST // 14)),
        (folded, "(" * LONGEST),
        (breed_of, "[" * LONGEST),
        (colours_in, "white, " * (LONGEST // 7)),
        (reading.plain, "<script " * (LONGEST // 8)),
        (reading.plain, "<" * LONGEST),
        (reading.text, " " * LONGEST * 8 + "x"),
    ],
)
def test_a_long_text_keeps_no_worker_busy(read, text):
    begun = time.process_time()
    read(text)
    assert time.process_time() - begun < 2


def test_a_long_text_is_read_from_its_start():
    text = "Loves kids. " + "Bla. " * 30_000
    assert suggestions_in(text)["good_with_children"][0] == "yes"
    assert reading.text("\n" * 9000 + "Bori", 4) == "Bori"
    assert folded("  Maltese (white)  " + " " * 500) == "maltese"


def test_more_rows_than_any_source_has():
    with pytest.raises(FeedError) as caught:
        reading.read_rows([None] * (reading.MOST_ROWS + 1), lambda row: None, "ID")
    assert caught.value.code == "feed_answer_too_large"
    _records, rejected = reading.read_rows([None] * reading.MOST_ROWS, lambda row: None, "ID")
    assert len(rejected) == reading.MOST_ROWS


def test_a_dog_of_a_million_pictures():
    source = open_source(
        "rescuegroups", client=Repeating(many_links(3_000_000)), settings={"address": "a"}
    )
    page = next(iter(source.pages(since=None, cursor=None)))
    [record] = page.records
    assert len(record.photos) <= rescuegroups.MOST_PHOTOS


def pages(data):
    source = open_source("csvzip", client=Repeating(data), settings={"address": "a"})
    [page] = source.pages(since=None, cursor=None)
    for record in page.records:
        check(record)
    for rejected in page.rejected:
        check_rejected(rejected)
    return page


def code_of(data):
    with pytest.raises(FeedError) as caught:
        pages(data)
    return caught.value.code


def test_an_entry_without_a_name():
    """zipfile cuts a name off at a NUL, and then asks for the last letter of what is left."""
    data = zipped({"dogs.csv": b"dog\na.jpg\n", "a.jpg": b"", "other.jpg": b"x"})
    data = data.replace(b"other.jpg", b"\0ther.jpg")
    assert [record.external_id for record in pages(data).records] == ["a.jpg"]


def test_nul_in_a_table_reaches_no_row():
    """PostgreSQL stores none, and one dog would cost the whole run."""
    table = (
        'dog,breeds,tags,moon\0\na.jpg,Maltese\0|Moon\0Hound,ca\0lm|old,x\nb.jpg,,,"\0"\na\0b,,,\n'
    )
    page = pages(zipped({"dogs.csv": table.encode(), "a.jpg": b"", "b.jpg": b""}))
    first = page.records[0]
    assert first.fields["tags"] == ["ca lm", "old"]
    assert first.breed_text == "Moon Hound"
    assert first.breeds == ("maltese",)


def test_long_names_of_folders_are_told_apart():
    names = ["d" * 150 + end for end in ("1", "2")]
    files = {f"{name}/1.jpg": b"" for name in names}
    table = f"dog,bonded_with\n{names[0]},{names[1]}\n{names[1]},{names[0]}\n"
    first, second = pages(zipped({"dogs.csv": table.encode(), **files})).records
    assert first.external_id != second.external_id
    assert (first.bonded_with, second.bonded_with) == (second.external_id, first.external_id)


@pytest.mark.parametrize(
    "table",
    [
        b"dog\n" + b"x\n" * (csvzip.MOST_LINES + 1),
        b"dog" + b"," * (csvzip.MOST_COLUMNS + 1),
        b'"dog\n",' + b"," * csvzip.MOST_COLUMNS,
        b'dog,"' + b"x" * 2 * csvzip.LONGEST_HEAD,
    ],
)
def test_a_table_of_more_than_dogs_make(table):
    assert code_of(zipped({"dogs.csv": table})) == "feed_answer_too_large"


def test_a_long_description_is_no_long_table():
    words = '"' + "A good dog.\n" * 9000 + '"'
    page = pages(zipped({"dogs.csv": f"dog,description\na.jpg,{words}\n".encode(), "a.jpg": b""}))
    assert len(page.records) == 1


def test_an_archive_whose_list_is_longer_than_its_entries_may_be():
    assert code_of(long_list(200_000)) == "feed_answer_too_large"
    assert code_of(long_list(1000)) == "feed_answer_unreadable"


def test_an_archive_whose_long_list_is_told_in_zip64():
    data = long_list(200_000)
    size = 200_000 * 46
    end = size.to_bytes(8, "little") + (0).to_bytes(8, "little")
    record = b"PK\6\6" + (44).to_bytes(8, "little") + bytes(28) + end
    locator = b"PK\6\7" + bytes(4) + size.to_bytes(8, "little") + (1).to_bytes(4, "little")
    small = b"PK\5\6" + bytes(18)
    assert code_of(data[:size] + record + locator + small) == "feed_answer_too_large"


def test_an_archive_with_a_comment_is_read():
    out = io.BytesIO(zipped({"dogs.csv": b"dog\na.jpg\n", "a.jpg": b""}))
    with zipfile.ZipFile(out, "a") as file:
        file.comment = b"From a shelter. " * 4000
    assert len(pages(out.getvalue()).records) == 1


@pytest.mark.parametrize("place", ["http://[", "http://a\u2100b/", "http://[v1.a/"])
def test_an_address_that_is_none_costs_one_photo(place):
    """It was a ValueError, which ended the whole run."""
    for places in ([place], ["http://a.example/", place]):
        with pytest.raises(FeedError) as caught:
            addresses.Redirecting(places[1:]).get(places[0])
        assert caught.value.code == "feed_address_refused"


def test_nul_among_the_wishes_of_a_search():
    assert "\0" not in Filters.from_params(QueryDict("q=a%00b")).q


def test_answers_of_any_type_are_refused_or_read():
    for body in (b"null", b"1e999", b"[NaN]", b'"\\ud800"', b"[" * 100_000, b"9" * 5000):
        for kind in ("datagokr", "asm3", "rescuegroups"):
            read(kind, body, {"address": "https://a.example", "reaches_back_days": "10"})
