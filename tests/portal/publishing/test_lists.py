"""Listings for other sites: what they show, to whom, and what they never carry along."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from datetime import date

import pytest

from portal.dogs.imports import from_cell, read_folder, to_cell
from portal.dogs.models import Breed
from portal.dogs.services import bond_dogs, set_status
from portal.shelters.services import add_member
from tests.portal.uploads import jpeg

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def listed(make_dog):
    def make(name, **fields):
        dog = make_dog(name, **fields)
        dog.photos.create(sha256=dog.slug, state="searchable")
        return dog

    return make


def test_the_embedded_list_is_for_frames_anywhere_and_sets_no_cookie(listed, client):
    dog = listed("Bori <b>", weight_kg=3)
    listed("Large", weight_kg=30)
    response = client.get("/embed/dogs/", {"size": "xs", "unknown": "no", "lang": "ko"})
    text = response.content.decode()
    assert response.status_code == 200
    assert "Bori &lt;b&gt;" in text
    assert "Large" not in text
    assert f'href="/dogs/{dog.slug}/"' in text
    assert '<html lang="ko">' in text
    policy = response["Content-Security-Policy"]
    assert "frame-ancestors *" in policy
    assert "frame-ancestors 'none'" not in policy
    assert "unsafe" not in policy
    assert "X-Frame-Options" not in response
    assert not response.cookies
    assert "max-age=60" in response["Cache-Control"]
    again = client.get(
        "/embed/dogs/", {"size": "xs", "unknown": "no", "lang": "ko"},
        headers={"If-None-Match": response["ETag"]},
    )  # fmt: skip
    assert again.status_code == 304
    # Every other page stays out of frames.
    assert client.get("/dogs/")["X-Frame-Options"] == "DENY"


def test_the_embedded_list_has_no_inline_script_or_style(listed, client):
    listed("Bori")
    text = client.get("/embed/dogs/").content.decode()
    assert not re.search(r"<script(?![^>]*src=)", text)
    assert "style=" not in text
    assert "<style" not in text


@pytest.mark.parametrize("limit", ["0", "-1", "x", "999999999999999999999"])
def test_odd_limits_are_bent(limit, listed, client):
    listed("Bori")
    assert "Bori" in client.get("/embed/dogs/", {"limit": limit}).content.decode()


def test_an_empty_list_says_so(client):
    assert "There is no dog here" in client.get("/embed/dogs/").content.decode()


def test_the_script_is_served_at_an_address_that_stays(client):
    response = client.get("/embed.js")
    assert response["Content-Type"].startswith("text/javascript")
    assert b"createElement" in response.content


def test_feeds_tell_the_new_dogs(listed, client, settings, make_dog):
    settings.SITE_URL = "https://pawkin.example"
    first, second = listed("First", sex="male"), listed("Second", sex="female")
    make_dog("Draft", publish=False)
    gone = listed("Gone")
    set_status(dog=gone, status="adopted", by=None)
    rss = ET.fromstring(client.get("/feeds/dogs.rss").content)
    assert [i.findtext("title") for i in rss.iter("item")] == ["Second", "First"]
    [guid, *_] = [i.findtext("guid") for i in rss.iter("item")]
    assert guid == f"https://pawkin.example/dogs/{second.slug}/"
    atom = ET.fromstring(client.get("/feeds/dogs.atom", {"sex": "male", "unknown": "no"}).content)
    entries = list(atom.iter(f"{ATOM}entry"))
    assert [e.findtext(f"{ATOM}title") for e in entries] == ["First"]
    assert entries[0].findtext(f"{ATOM}id") == f"https://pawkin.example/dogs/{first.slug}/"
    assert entries[0].findtext(f"{ATOM}updated")


def test_the_sitemap_and_robots(listed, client, settings):
    dog, gone = listed("Bori"), listed("Gone")
    set_status(dog=gone, status="withdrawn", by=None)
    index = client.get("/sitemap.xml").content.decode()
    assert "/sitemap-dogs.xml" in index
    assert "/sitemap-pages.xml" in index
    text = client.get("/sitemap-dogs.xml").content.decode()
    assert f"/dogs/{dog.slug}/" in text
    assert gone.slug not in text
    robots = client.get("/robots.txt").content.decode()
    assert "Disallow: /staff/" in robots
    assert f"Sitemap: {settings.SITE_URL}/sitemap.xml" in robots


def test_a_dogs_page_carries_its_data(listed, client):
    dog = listed("Bori", description="</script><script>alert(1)</script> & more")
    text = client.get(f"/dogs/{dog.slug}/").content.decode()
    [data] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.S)
    told = json.loads(data)
    assert told["mainEntity"]["description"] == dog.description
    assert told["provider"]["@type"] == "AnimalShelter"
    assert "<script>alert" not in text
    assert 'property="og:title" content="Bori · Pawkin"' in text


def test_a_shelters_table_comes_back_as_it_left(
    listed, make_dog, client, staff, shelter, other_shelter, tmp_path
):
    add_member(shelter=shelter, user=staff)
    fields = {
        "weight_kg": "4.50", "sex": "female", "birth_date": date(2021, 5, 17),
        "birth_precision": "month", "colours": ["white", "brown"], "neutered": True,
        "tags": ["calm"], "description": "Two\nlines, \"quoted\"",
        "breeds": [Breed.objects.get(slug="beagle")],
    }  # fmt: skip
    bori = make_dog("Bori", temperament={"energy": 3, "good_with_cats": "no"}, **fields)
    nara = make_dog("=cmd|' /C calc'!A0")
    bond_dogs(dog=bori, other=nara)
    make_dog("Foreign", shelter=other_shelter)
    assert client.get("/staff/export.csv").status_code == 302
    client.force_login(staff)
    response = client.get("/staff/export.csv")
    data = b"".join(response.streaming_content)
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert [row["name"] for row in rows] == ["Bori", "'=cmd|' /C calc'!A0"]
    (tmp_path / "dogs.csv").write_bytes(data)
    for dog in (bori, nara):
        (tmp_path / dog.slug).mkdir()
        (tmp_path / dog.slug / "1.jpg").write_bytes(jpeg())
    reading = read_folder(tmp_path)
    assert reading.problems == []
    back = reading.listings[0]
    assert back.fields["name"] == "Bori"
    assert reading.listings[1].fields["name"] == "=cmd|' /C calc'!A0"
    assert back.temperament == {"energy": 3, "good_with_cats": "no"}
    assert back.breeds == ("Beagle",)
    assert back.bonded_with == nara.slug
    assert back.fields["description"] == fields["description"]
    assert str(back.fields["birth_date"]) == "2021-05-01"
    assert back.fields["birth_precision"] == "month"
    assert (back.fields["neutered"], back.fields["colours"], back.fields["tags"]) == (
        True, ["white", "brown"], ["calm"],
    )  # fmt: skip


@pytest.mark.parametrize("value", ["", "Bori", "=1+1", "'=1+1", "-", "'Bori", "@x", "''+1", "'"])
def test_cells_come_back_as_they_left(value):
    assert from_cell(to_cell(value)) == value
    assert not to_cell(value).startswith(("=", "+", "-", "@"))


def test_feeds_survive_what_xml_cannot_write_and_answer_readers_who_have_them(listed, client):
    listed("Bori", description="broken \x0b\x1f text")
    for address in ("/feeds/dogs.rss", "/feeds/dogs.atom"):
        answer = client.get(address)
        assert ET.fromstring(answer.content) is not None
        again = client.get(address, headers={"If-None-Match": answer["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
