"""The product with its own models: a photo in, dogs that can be adopted out."""

from pathlib import Path

import psycopg
import pytest

from benchmarks import end_to_end, listing
from benchmarks.content import images
from benchmarks.installation import Installation
from benchmarks.visitor import Visitor
from tests.stack import patience


@pytest.fixture(params=["live_stack", "postgres_stack"])
def stack(request: pytest.FixtureRequest) -> Installation:
    stack: Installation = request.getfixturevalue(request.param)
    return stack


def test_a_photo_finds_dogs(stack: Installation, drawn_dogs: Path) -> None:
    answer = end_to_end.search(stack.url, images(drawn_dogs)[0])
    assert answer.outcome == "matches"
    assert answer.seconds < 3 * patience()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"not a picture at all", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
    ],
)
def test_what_is_no_photo_is_refused_with_its_reason(
    live_stack: Installation, tmp_path: Path, content: bytes, code: str
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(content)
    assert end_to_end.search(live_stack.url, photo).outcome == code


def test_a_listed_dog_is_soon_found(stack: Installation, drawn_dogs: Path, tmp_path: Path) -> None:
    # A byte behind the picture's end makes it another file of the same dog.
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(images(drawn_dogs)[0].read_bytes() + b"\0")
    with Visitor(stack.url) as staff:
        listing.log_in(staff, *stack.logins()["staff"])
        elapsed, outcome = listing.list_dog(staff, "Newcomer", photo)
    assert outcome == "searchable"
    assert elapsed < 3 * patience()
    assert "Newcomer" in end_to_end.search(stack.url, photo).text


def test_with_pgvector_the_database_compares(
    postgres_stack: Installation, postgres_url: str, drawn_dogs: Path
) -> None:
    assert end_to_end.search(postgres_stack.url, images(drawn_dogs)[1]).outcome == "matches"
    with psycopg.connect(postgres_url) as connection:
        active = connection.execute("SELECT id FROM matching_modelversion WHERE state = 'active'")
        [(version,)] = active.fetchall()
        counts = connection.execute(
            f"SELECT (SELECT count(*) FROM matching_vector_{version}), "
            "(SELECT count(*) FROM matching_embedding WHERE version_id = %s)",
            [version],
        ).fetchone()
    assert counts is not None
    assert counts[0] == counts[1] > 0
