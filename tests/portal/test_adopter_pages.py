"""The adopter's pages, with rows in place of workers."""

import re
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from portal.dogs import services as dogs
from portal.dogs.models import Dog
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.matching import presentation, services, views
from portal.matching.filters import Filters
from portal.matching.models import Query, Ranking
from portal.shelters.services import add_member
from tests.portal.answers import answer, describe, open_job, store, text
from tests.portal.uploads import jpeg, upload

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n"


# Home and list


def test_home_shows_the_newest_searchable_dogs_first(client, listed, make_dog):
    for name in ("Choco", "Dubu"):
        listed(name)
    make_dog("Without a photo")
    make_dog("Draft", publish=False)
    page = text(client.get("/"))
    assert page.index("Dubu") < page.index("Choco")
    assert "Without a photo" not in page
    assert "Draft" not in page


@pytest.mark.parametrize("path", ["/", "/dogs/"])
def test_more_dogs_cost_no_more_queries(path, client, listed, django_assert_max_num_queries, staff):
    temperament = {"good_with_cats": "yes"}
    listed("Bori", temperament=temperament)
    with django_assert_max_num_queries(20) as first:
        client.get(path)
    for number in range(5):
        listed(f"Dog {number}", photos=2, temperament=temperament)
    with django_assert_max_num_queries(len(first)):
        assert "Dog 4" in text(client.get(path))


def test_the_list_holds_only_dogs_that_can_be_adopted_now(client, listed, staff):
    dogs.set_status(dog=listed("On hold"), status=Dog.Status.ON_HOLD, by=staff)
    dogs.set_status(dog=listed("Adopted"), status=Dog.Status.ADOPTED, by=staff)
    listed("Free")
    page = text(client.get("/dogs/"))
    assert "Free" in page
    assert "On hold" not in page
    assert "Adopted" not in page


def test_a_filter_hides_what_is_known_not_to_suit_and_unknown_only_if_asked(client, listed):
    listed("Suits", temperament={"good_with_cats": "yes"})
    listed("Chases", temperament={"good_with_cats": "no"})
    listed("Nobody knows")
    page = text(client.get("/dogs/?good_with_cats=yes"))
    assert "Suits" in page
    assert "Nobody knows" in page
    assert "Chases" not in page
    page = text(client.get("/dogs/?good_with_cats=yes&unknown=no"))
    assert "Suits" in page
    assert "Nobody knows" not in page


def test_the_form_keeps_unknown_dogs_unless_its_switch_is_off(client, listed):
    listed("Nobody knows")
    assert "Nobody knows" in text(client.get("/dogs/?unknown=no&unknown=yes&good_with_cats=yes"))


def test_every_chip_leads_to_the_page_without_its_filter(client, listed):
    page = client.get("/dogs/?good_with_cats=yes&sex=male").content.decode()
    assert 'href="/dogs/?sex=male"' in page
    assert 'href="/dogs/?good_with_cats=yes"' in page


def test_a_list_filtered_to_nothing_says_what_to_take_away(client, listed):
    listed("Bori", temperament={"good_with_cats": "no"})
    page = text(client.get("/dogs/?good_with_cats=yes"))
    assert "No dog suits all filters" in page
    assert "without “good with cats”: 1 more dog" in page


def test_pages_of_the_list_keep_the_filters(client, listed, monkeypatch):
    monkeypatch.setattr(views, "PAGE_SIZE", 1)
    listed("Bori", sex="male")
    listed("Choco", sex="male")
    page = client.get("/dogs/?sex=male").content.decode()
    assert 'href="/dogs/?sex=male&amp;page=2"' in page
    assert "Bori" in text(client.get("/dogs/?sex=male&page=2"))


# Sending a photo


def test_a_photo_leads_to_its_own_page_and_a_reload_sends_nothing_again(client):
    response = client.post("/search/", {"photo": upload()})
    query = Query.objects.get()
    assert response.status_code == 302
    assert response.url == f"/search/{query.pk}/"
    client.get(response.url)
    client.get(response.url)
    assert Query.objects.count() == 1
    assert open_job("answer_query").subject == str(query.pk)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"hello", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'></svg>", "unsupported_format"),
        (PNG + b"<html><script>alert(1)</script></html>", "not_an_image"),
        (jpeg(size=(32, 32)), "image_too_small"),
    ],
)
def test_what_is_no_photo_is_refused_with_its_reason(data, code, client, media_files):
    response = client.post("/search/", {"photo": upload(data)}, follow=True)
    assert response.redirect_chain == [(f"/?problem={code}#find", 302)]
    assert f'data-code="{code}"' in response.content.decode()
    assert not Query.objects.exists()
    assert media_files() == []


def test_a_search_without_a_photo_is_refused(client):
    assert client.post("/search/").url == "/?problem=empty_file#find"


def test_a_reason_that_does_not_exist_is_not_shown(client):
    assert "data-code" not in client.get("/?problem=<script>").content.decode()


def test_an_example_is_searched_with_at_one_click(client, tmp_path, monkeypatch):
    (tmp_path / "terrier.jpg").write_bytes(jpeg())
    monkeypatch.setattr(views, "EXAMPLES", tmp_path)
    views.example_names.cache_clear()
    try:
        assert 'value="terrier"' in client.get("/").content.decode()
        client.post("/search/", {"example": "terrier"})
        assert Query.objects.count() == 1
        client.post("/search/", {"example": "../../etc/passwd"})
        assert Query.objects.count() == 1
    finally:
        views.example_names.cache_clear()


def test_too_many_searches_in_a_minute_are_asked_to_wait(client, monkeypatch):
    monkeypatch.setattr(views, "SEARCHES_A_MINUTE", 1)
    client.post("/search/", {"photo": upload()})
    response = client.post("/search/", {"photo": upload()})
    assert response.status_code == 429
    assert response["Retry-After"] == "60"
    assert Query.objects.count() == 1


# Following the search


def test_while_it_works_the_page_shows_the_photo_and_asks_again(client, sent):
    page = client.get(f"/search/{sent.pk}/").content.decode()
    assert f'src="/search/{sent.pk}/photo/"' in page
    assert re.search(rf'hx-get="/search/{sent.pk}/" hx-trigger="load delay:\d+ms, again"', page)
    assert '<noscript><meta http-equiv="refresh"' in page


def test_the_steps_follow_the_job(client, sent):
    def shown():
        page = client.get(f"/search/{sent.pk}/").content.decode()
        return re.findall(r'step--(\w+)">([^<]+)', page)

    job = jobs.start(job_id=open_job("answer_query").pk, step="preparing")
    assert [state for state, _ in shown()] == ["now", "next", "next"]
    jobs.beat(job=job, step="comparing", total=214)
    assert shown() == [
        ("done", "Photo received"),
        ("done", "Dog found"),
        ("now", "Comparing with 214 dogs"),
    ]


def test_it_asks_less_often_the_longer_it_takes(client, sent):
    def delay():
        page = client.get(f"/search/{sent.pk}/").content.decode()
        return int(re.search(r"delay:(\d+)ms", page)[1])

    soon = delay()
    Job.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert soon <= 300
    assert delay() >= 1000


def test_a_wait_has_a_reason(client, sent):
    def shown():
        return text(client.get(f"/search/{sent.pk}/"))

    assert "keeps its place" not in shown()
    Job.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert "Search is away" in shown()
    jobs.beat_worker(queue="interactive", ready=False)
    assert "Search is starting up" in shown()
    jobs.beat_worker(queue="interactive", ready=True)
    assert "Many photos came in at once" in shown()


def test_htmx_gets_the_answer_alone_with_the_keypoints_beside_it(client, sent, version):
    describe(sent, version)
    Query.objects.update(width=96, height=80)
    headers = {"HX-Request": "true", "HX-Target": "answer", "HX-Trigger": "answer"}
    response = client.get(f"/search/{sent.pk}/", headers=headers)
    part = response.content.decode()
    assert "<html" not in part
    assert part.lstrip().startswith('<div class="answer')
    assert 'id="query-overlay" hx-swap-oob="true"' in part
    assert 'class="kp' in part
    assert "HX-Push-Url" not in response


def test_a_change_of_filters_moves_the_address_along(client, sent):
    headers = {"HX-Request": "true", "HX-Target": "answer", "HX-Trigger": "filters"}
    address = f"/search/{sent.pk}/?unknown=no&unknown=yes&sex=male&energy=&breed="
    response = client.get(address, headers=headers)
    assert response["HX-Push-Url"] == f"/search/{sent.pk}/?sex=male"


def test_a_photo_without_a_dog_says_so_and_offers_another_try(client, sent):
    job = jobs.start(job_id=open_job("answer_query").pk)
    services.fail_query(query=sent, code="no_dog_cat")
    jobs.finish(job=job)
    page = client.get(f"/search/{sent.pk}/").content.decode()
    assert 'data-code="no_dog_cat"' in page
    assert "This looks like a cat" in page
    assert "data-dropzone" in page
    assert 'hx-trigger="load' not in page


def test_a_lost_worker_is_said_not_waited_for(client, sent):
    job = jobs.start(job_id=open_job("answer_query").pk)
    jobs.fail(job=job, code="worker_lost")
    page = client.get(f"/search/{sent.pk}/").content.decode()
    assert 'data-code="worker_lost"' in page


def test_the_answer_stands_in_three_groups_with_its_number_of_dogs(client, sent, version, listed):
    near, far, other = listed("Near"), listed("Far"), listed("Other")
    answer(sent, version, [(near, 88, "strong"), (far, 55, "weak"), (other, 12, "none")])
    page = text(client.get(f"/search/{sent.pk}/"))
    assert "Compared with 7 dogs" in page
    assert page.index("Near") < page.index("Some likeness Far") < page.index("Other")
    assert re.search(r"Near Strong likeness 88", page)
    assert 'data-state="done"' in client.get(f"/search/{sent.pk}/").content.decode()


@pytest.fixture
def seven(client, sent, version, listed, monkeypatch):
    """An answer of four strong and three weak dogs; asks for it, as htmx with `target`."""
    dogs = [(listed(f"Strong {n}"), 95 - n, "strong") for n in range(4)]
    dogs += [(listed(f"Weak {n}"), 70 - n, "weak") for n in range(3)]
    answer(sent, version, [*dogs, (listed("Faint"), 5, "none")])

    def get(first, query="", target=None):
        monkeypatch.setattr(presentation, "FIRST", first)
        headers = {"HX-Request": "true", "HX-Target": target} if target is not None else {}
        response = client.get(f"/search/{sent.pk}/{query}", headers=headers)
        names = re.findall(
            r"<a href=[^>]+>((?:Strong|Weak|Faint)[^<]*)</a>", response.content.decode()
        )
        return names, response

    return get


ALL_SEVEN = [f"Strong {n}" for n in range(4)] + [f"Weak {n}" for n in range(3)]


@pytest.mark.parametrize("first", [2, 4, 5, 7])
def test_the_others_come_when_their_reader_does(seven, sent, first):
    names, response = seven(first)
    assert names == ALL_SEVEN[:first]
    page, said = response.content.decode(), text(response)
    rest, response = seven(first, "?part=rest", target="")
    assert names + rest == ALL_SEVEN
    assert f"Show {len(rest)} more dogs" in said if rest else "more dogs" not in said
    assert page.count("Some likeness</h2>") == (first > 4)
    assert response.content.decode().count("Some likeness</h2>") == (first <= 4)
    assert "<html" not in response.content.decode()
    assert response["HX-Replace-Url"] == f"/search/{sent.pk}/?part=all"


def test_without_a_script_a_link_leads_to_all(seven, sent):
    _, response = seven(2)
    assert f'href="/search/{sent.pk}/?part=all"' in response.content.decode()
    filters = Filters(sex="male")
    Ranking.objects.update(filters_key=filters.key(), filters=filters.canonical())
    _, response = seven(2, "?sort=&sex=male")
    assert f'href="/search/{sent.pk}/?sex=male&amp;part=all"' in response.content.decode()
    for query in ("?sex=male&part=all", "?sex=male&part=rest"):
        names, response = seven(2, query)
        assert names == ALL_SEVEN
        assert "<html" in response.content.decode()


def test_another_order_shows_all_at_once(seven):
    filters = Filters(sort="newest")
    Ranking.objects.update(filters_key=filters.key(), filters=filters.canonical())
    names, response = seven(2, "?sort=newest")
    assert sorted(names) == ALL_SEVEN
    assert "part=rest" not in response.content.decode()


def test_a_dog_adopted_since_is_not_in_the_answer(client, sent, version, listed, staff):
    near, gone = listed("Near"), listed("Gone")
    answer(sent, version, [(gone, 95, "strong"), (near, 88, "strong")])
    dogs.set_status(dog=gone, status=Dog.Status.ADOPTED, by=staff)
    page = text(client.get(f"/search/{sent.pk}/"))
    assert "Near" in page
    assert "Gone" not in page


def test_an_older_answer_stays_while_a_newer_one_is_made(client, sent, version, listed):
    answer(sent, version, [(listed("Near"), 88, "strong")])
    Ranking.objects.update(ranked_at=timezone.now() - timedelta(minutes=5), up_to=0)
    page = client.get(f"/search/{sent.pk}/").content.decode()
    assert "Near" in page
    assert 'data-state="open"' in page
    assert open_job("rank").subject == str(Ranking.objects.get().pk)


def test_no_close_match_is_said_with_what_to_relax(client, sent, version, listed):
    listed("Chases", temperament={"good_with_cats": "no"})
    filters = Filters(traits={"good_with_cats": "yes"})
    answer(sent, version, [(listed("Other"), 12, "none")], filters)
    page = text(client.get(f"/search/{sent.pk}/?good_with_cats=yes"))
    assert "No close match today" in page
    assert "without “good with cats”: 1 more dog" in page
    assert "Other" in page


def test_more_matches_cost_no_more_queries(
    client, sent, version, listed, django_assert_max_num_queries
):
    few = [(listed("Near"), 88, "strong")]
    answer(sent, version, few)
    with django_assert_max_num_queries(25) as first:
        client.get(f"/search/{sent.pk}/")
    many = [(listed(f"Dog {n}", photos=2), 80 - n, "strong") for n in range(5)]
    store(Ranking.objects.get(), version, few + many)
    with django_assert_max_num_queries(len(first)):
        assert "Dog 4" in text(client.get(f"/search/{sent.pk}/"))


# Whose photo it is


def test_nobody_else_sees_a_search(client, sent, version, listed):
    dog = listed()
    stranger = Client()
    stranger.post("/search/", {"photo": upload()})
    paths = ["", "photo/", f"compare/{dog.pk}/"]
    for path in paths:
        assert stranger.get(f"/search/{sent.pk}/{path}").status_code == 404
    assert stranger.post(f"/search/{sent.pk}/delete/").status_code == 404
    assert Query.objects.filter(pk=sent.pk).exists()


def test_an_expired_search_is_gone_before_it_is_cleared_away(client, sent):
    Query.objects.update(expires_at=timezone.now())
    assert client.get(f"/search/{sent.pk}/").status_code == 404


def test_deleting_leaves_nothing(client, sent, media_files, on_commit):
    with on_commit():
        response = client.post(f"/search/{sent.pk}/delete/", follow=True)
    assert "Your photo is deleted" in text(response)
    assert not Query.objects.exists()
    assert not Ranking.objects.exists()
    assert media_files() == []
    assert client.get(f"/search/{sent.pk}/").status_code == 404


def test_deleting_needs_a_click_not_a_link(client, sent):
    assert client.get(f"/search/{sent.pk}/delete/").status_code == 405


# Photos as bytes


def test_a_search_photo_is_shown_before_and_after_it_is_prepared(client, sent):
    response = client.get(f"/search/{sent.pk}/photo/")
    assert response["Content-Type"] == "image/jpeg"
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    default_storage.save("queries/a.webp", ContentFile(b"picture"))
    Query.objects.update(image="queries/a.webp", upload="")
    response = client.get(f"/search/{sent.pk}/photo/")
    assert response["Content-Type"] == "image/webp"
    assert b"".join(response.streaming_content) == b"picture"


@pytest.mark.parametrize("data", [b"<html>", b"GIF89a", b"\x00\x00\x00\x18ftypheic"])
def test_an_upload_no_browser_shows_safely_is_not_handed_out(data, client, sent):
    with default_storage.open(sent.upload.name, "wb") as file:
        file.write(data)
    assert client.get(f"/search/{sent.pk}/photo/").status_code == 404
    page = client.get(f"/search/{sent.pk}/").content.decode()
    assert f'src="/search/{sent.pk}/photo/"' not in page
    assert "photo=waiting" in page


def test_a_listed_photo_is_the_same_for_all_and_may_be_kept(client, listed):
    photo = listed().photos.get()
    response = client.get(f"/photos/{photo.name}/thumb/")
    assert b"".join(response.streaming_content) == f"thumbs/{photo.name}.webp".encode()
    assert response["Content-Type"] == "image/webp"
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Cookie" not in response.get("Vary", "")
    assert client.get(f"/photos/{photo.name}/huge/").status_code == 404
    assert client.get("/photos/nothing/full/").status_code == 404


def test_photos_of_a_draft_are_for_its_shelter_only(client, listed, staff, shelter):
    photo = listed("Draft", publish=False).photos.get()
    assert client.get(f"/photos/{photo.name}/full/").status_code == 404
    add_member(shelter=shelter, user=staff)
    client.force_login(staff)
    response = client.get(f"/photos/{photo.name}/full/")
    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"


def test_a_row_whose_file_is_gone_is_a_404(client, listed):
    photo = listed().photos.get()
    default_storage.delete(photo.image.name)
    assert client.get(f"/photos/{photo.name}/full/").status_code == 404


# Compare


def test_compare_draws_both_and_says_the_points_in_words(client, sent, version, listed):
    dog = listed("Near")
    answer(sent, version, [(dog, 88, "strong")])
    Query.objects.update(width=96, height=80)
    page = client.get(f"/search/{sent.pk}/compare/{dog.pk}/?sex=male").content.decode()
    assert page.count('<svg class="overlay"') == 2
    assert page.count("point 0 (90 % sure)") == 2
    assert f'href="/dogs/{dog.slug}/"' in page
    assert f'href="/search/{sent.pk}/?sex=male"' in page


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ([(4, 3), (3, 2)], "wide"),
        ([(3, 4), (2, 3)], "tall"),
        ([(4, 3), (3, 4)], "square"),
        ([(4, 3), (3, 3)], "square"),
        ([(0, 0), (3, 4)], "tall"),
        ([(4, 3), None], "wide"),
        ([(0, 0), None], "square"),
    ],
)
def test_both_photos_get_the_frame_that_suits_them(sizes, shape):
    assert views.frame(*sizes) == shape


def test_a_dog_adopted_since_is_not_compared(client, sent, listed, staff):
    dog = listed()
    dogs.set_status(dog=dog, status=Dog.Status.ADOPTED, by=staff)
    assert client.get(f"/search/{sent.pk}/compare/{dog.pk}/").status_code == 404


# A dog's own page


def test_a_dog_page_says_what_is_known_by_whom_and_what_is_not(client, listed, staff):
    dog = listed("Bori", photos=2, temperament={"good_with_cats": "yes", "energy": 4})
    page = text(client.get(f"/dogs/{dog.slug}/"))
    assert "Good with cats yes says Haneul" in page
    assert "4 of 5" in page
    assert "Not known yet: good with children" in page
    assert staff.email not in page


def test_bonded_dogs_are_shown_together(client, listed):
    dog, other = listed("Bori"), listed("Choco")
    dogs.bond_dogs(dog=dog, other=other)
    page = client.get(f"/dogs/{dog.slug}/").content.decode()
    assert f'href="/dogs/{other.slug}/"' in page


@pytest.mark.parametrize(("status", "code"), [("adopted", 410), ("withdrawn", 410), ("draft", 404)])
def test_a_dog_nobody_can_adopt_has_no_page_but_for_its_shelter(
    status, code, client, listed, staff, shelter
):
    dog = listed("Bori")
    Dog.objects.update(status=status)
    assert client.get(f"/dogs/{dog.slug}/").status_code == code
    assert client.get(f"/dogs/{dog.slug}/similar/").status_code == 404
    add_member(shelter=shelter, user=staff)
    client.force_login(staff)
    assert client.get(f"/dogs/{dog.slug}/").status_code == 200


def test_more_like_this_waits_for_its_ranking_then_shows_it(client, version, listed):
    dog, near = listed("Bori"), listed("Near")
    headers = {"HX-Request": "true", "HX-Target": "similar"}
    part = client.get(f"/dogs/{dog.slug}/similar/", headers=headers).content.decode()
    assert 'id="similar" hx-get=' in part
    store(Ranking.objects.get(dog=dog), version, [(near, 70, "strong")])
    jobs.finish(job=jobs.start(job_id=open_job("rank").pk))
    part = client.get(f"/dogs/{dog.slug}/similar/", headers=headers).content.decode()
    assert "Near" in part
    assert "hx-trigger" not in part
    assert "Near" in text(client.get(f"/dogs/{dog.slug}/similar/"))


def test_a_dog_without_a_searchable_photo_is_like_nobody(client, make_dog):
    dog = make_dog("Bori")
    assert "no photo yet" in text(client.get(f"/dogs/{dog.slug}/similar/"))
    assert not Ranking.objects.exists()


# All pages


def test_pages_carry_nothing_inline_that_the_policy_would_block(client, sent, version, listed):
    dog = listed(photos=2, temperament={"energy": 4})
    answer(sent, version, [(dog, 88, "strong")])
    paths = [
        "/",
        "/dogs/",
        f"/dogs/{dog.slug}/",
        f"/search/{sent.pk}/",
        f"/search/{sent.pk}/compare/{dog.pk}/",
        "/nowhere/",
    ]
    for path in paths:
        response = client.get(path)
        page = response.content.decode()
        assert "default-src 'self'" in response["Content-Security-Policy"]
        # JSON-LD is data, which no policy stops; tests/browser has the browser's word on it.
        scripts = r'<script(?![^>]*\ssrc=)(?! type="application/ld\+json")'
        assert not re.search(rf"\sstyle=|<style|\son\w+=|{scripts}", page), path
        assert page.count("<h1") == 1, path
        assert page.count('id="main"') == 1, path


def test_photo_alternatives_are_there(client, listed):
    dog = listed(photos=2)
    for path in ("/", f"/dogs/{dog.slug}/"):
        images = re.findall(r"<img [^>]*>", client.get(path).content.decode())
        assert images
        assert all("alt=" in image for image in images)
