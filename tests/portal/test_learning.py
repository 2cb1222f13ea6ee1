"""What answers teach: whose, how much of it, and which weights may count."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from ml.fusion import EXTRA, fixed
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import Feedback, FusionWeights, NotAlike
from portal.matching.queries import fusion_in_use
from portal.matching.services import learning
from tests.portal.answers import answer, text

pytestmark = pytest.mark.django_db


def parts(colour, breed=0.2):
    return {"appearance": 0.8, "colour": colour, "breed": breed}


@pytest.fixture
def similar(listed, version):
    """The answer to a listed dog: five dogs, every second one of the same colour."""
    source = listed("Source")
    ranking = services.rank(dog=source, filters=Filters())
    dogs = [listed(f"Dog{number}") for number in range(5)]
    hits = [
        services.Found(
            dog.pk, dog.photos.get().pk, 0.8, 80, "strong", parts(0.9 if number % 2 else 0.5)
        )
        for number, dog in enumerate(dogs)
    ]
    services.store_matches(
        ranking=ranking, version=version, hits=hits, candidates=5, up_to=10**9,
        ranked_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    return ranking


def match_at(ranking, rank):
    return ranking.matches.select_related("ranking", "dog").get(rank=rank)


def opened(ranking, rank):
    match = match_at(ranking, rank)
    services.count_click(match_id=str(match.pk), dog=match.dog)


def test_a_click_teaches_both_neighbours_once(similar):
    opened(similar, 2)
    opened(similar, 2)
    rows = list(Feedback.objects.all())
    assert [(row.kind, row.mode) for row in rows] == [("click", "like")] * 2
    for row in rows:
        assert row.preferred == parts(0.9)
        assert row.other == parts(0.5)


def test_what_was_acted_on_was_not_passed_over(similar):
    opened(similar, 2)
    Feedback.objects.all().delete()
    opened(similar, 1)
    assert Feedback.objects.get().other == parts(0.5)


def test_favourites_and_enquiries_teach_too(similar, client):
    match = match_at(similar, 2)
    client.post(f"/dogs/{match.dog.slug}/keep/", {"keep": "yes", "match": match.pk})
    client.post(f"/dogs/{match.dog.slug}/keep/", {"keep": "yes", "match": match.pk})
    assert list(Feedback.objects.values_list("kind", flat=True)) == ["favourite"] * 2
    page = client.get(f"/dogs/{match.dog.slug}/ask/?match={match.pk}").content.decode()
    assert f'name="match" value="{match.pk}"' in page
    form = {"text": "Hello?", "name": "A", "email": "a@example.org", "match": match.pk}
    client.post(f"/dogs/{match.dog.slug}/ask/", form)
    assert Feedback.objects.filter(kind="enquiry").count() == 2


def test_no_other_dog_is_taught_by_a_wrong_match(similar, client, listed):
    match, other = match_at(similar, 2), listed("Other")
    for named in (match.pk, "x", "9" * 40, ""):
        client.post(f"/dogs/{other.slug}/keep/", {"keep": "yes", "match": named})
        client.post(f"/dogs/{other.slug}/keep/", {"keep": "no"})
    assert not Feedback.objects.exists()


def test_an_adopters_photo_teaches_nothing_unless_told_so(sent, version, listed, settings):
    dogs = [listed("A"), listed("B")]
    answer(sent, version, [(dog, 80, "strong") for dog in dogs])
    ranking = sent.rankings.get()
    ranking.matches.update(parts=parts(0.9))
    opened(ranking, 1)
    services.hide_dog(dog=dogs[1], ranking=ranking)
    assert not Feedback.objects.exists()
    settings.LEARN_FROM = "all"
    opened(ranking, 2)
    assert Feedback.objects.count() == 0  # its only neighbour was acted on
    ranking.matches.get(rank=1).click.delete()
    match = match_at(ranking, 2)
    assert services.note_feedback(match=match, kind="favourite") == 1


def test_nothing_is_kept_where_nothing_shall_be(similar, settings):
    settings.LEARN_FROM = "none"
    opened(similar, 2)
    assert not Feedback.objects.exists()


def test_a_preference_is_numbers_and_a_day(similar):
    """No relation, no address, no time that could be laid beside a click."""
    opened(similar, 2)
    fields = {field.name: field for field in Feedback._meta.get_fields()}
    assert set(fields) == {"id", "kind", "mode", "preferred", "other", "day"}
    assert not any(field.is_relation for field in fields.values())
    assert fields["day"].get_internal_type() == "DateField"
    for row in Feedback.objects.all():
        for told in (row.preferred, row.other):
            assert all(isinstance(value, float) for value in told.values())
            assert all(value == round(value, 2) for value in told.values())


def test_preferences_are_forgotten_after_a_year(similar):
    opened(similar, 2)
    assert services.expire_feedback() == 0
    Feedback.objects.update(day=timezone.localdate() - timedelta(days=366))
    assert services.expire_feedback() == 2


def feed(number, *, breed=0.0, kinds=("click", "favourite"), mode="like"):
    """Preferences, nine in ten of dogs whose breeds overlap more by so much."""
    Feedback.objects.bulk_create(
        Feedback(
            kind=kinds[n % len(kinds)],
            mode=mode,
            preferred={"appearance": 0.8 + 0.01 * (n % 3), "breed": 0.2 + breed * (n % 10 > 0)},
            other={"appearance": 0.8 + 0.01 * (n % 2), "breed": 0.2 + breed * (n % 10 == 0)},
        )
        for n in range(number)
    )


@pytest.mark.parametrize("few", [{"number": 199}, {"number": 300, "kinds": ("click",)}])
def test_too_little_feedback_is_refused(few):
    feed(**few)
    with pytest.raises(services.LearningRefused) as refused:
        services.learn_weights()
    assert refused.value.code == "too_little_feedback"
    assert not FusionWeights.objects.exists()


def test_what_people_prefer_is_learnt_and_may_count():
    feed(1500, breed=0.3)
    row = services.learn_weights()
    assert (row.pairs, row.held_back) == (1200, 300)
    assert row.weights["like"]["breed"] > 0.05
    assert row.weights["lost"] == fixed().weights["lost"]
    assert row.agreement > row.agreement_fixed
    assert row.is_better
    assert fusion_in_use() == fixed()
    services.activate_weights(weights=row)
    assert fusion_in_use().weights == row.weights
    services.use_fixed_weights()
    assert fusion_in_use() == fixed()


def test_what_is_no_better_cannot_be_activated():
    feed(400)
    row = services.learn_weights()
    assert not row.is_better
    with pytest.raises(services.LearningRefused) as refused:
        services.activate_weights(weights=row)
    assert refused.value.code == "weights_not_better"
    with pytest.raises(IntegrityError), transaction.atomic():
        FusionWeights.objects.filter(pk=row.pk).update(is_active=True)
    assert fusion_in_use() == fixed()


def better(**weights):
    row = {mode: {**dict.fromkeys(EXTRA, 0.0), **weights} for mode in ("like", "lost")}
    return FusionWeights.objects.create(
        weights=row, pairs=200, held_back=50, agreement=0.8, agreement_fixed=0.5, margin=0.1
    )


def test_one_set_of_weights_counts():
    first, second = better(colour=0.1), better(colour=0.2)
    services.activate_weights(weights=first)
    services.activate_weights(weights=second)
    assert FusionWeights.objects.active().get() == second
    with pytest.raises(IntegrityError), transaction.atomic():
        FusionWeights.objects.filter(pk=first.pk).update(is_active=True)


def test_the_command_learns_and_activates_only_what_is_better(capsys):
    with pytest.raises(CommandError, match="preferences"):
        call_command("learn_ranking")
    feed(1500, breed=0.3)
    call_command("learn_ranking", "--activate", "--json")
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["is_active"]
    assert told["weights"] == fusion_in_use().weights
    call_command("learn_ranking", "--fixed")
    assert fusion_in_use() == fixed()
    Feedback.objects.all().delete()
    feed(400)
    with pytest.raises(CommandError, match="against"):
        call_command("learn_ranking", "--activate")


def test_admins_learn_activate_and_go_back(client, django_user_model):
    client.force_login(django_user_model.objects.create_superuser("admin@example.org", "secret"))
    client.post("/manage/weights/learn/")
    assert "too little feedback" in text(client.get("/manage/"))
    feed(1500, breed=0.3)
    client.post("/manage/weights/learn/")
    row = FusionWeights.objects.get()
    page = client.get("/manage/").content.decode()
    assert f"/manage/weights/{row.pk}/activate/" in page
    answered = client.post(f"/manage/weights/{row.pk}/activate/", headers={"HX-Request": "true"})
    assert "in use" in text(answered)
    assert fusion_in_use().weights == row.weights
    client.post("/manage/weights/fixed/")
    assert fusion_in_use() == fixed()
    FusionWeights.objects.update(agreement=0.4)
    client.post(f"/manage/weights/{row.pk}/activate/")
    assert not FusionWeights.objects.active().exists()


def test_not_alike_takes_a_dog_out_of_ones_own_answer(client, sent, version, listed):
    near, far = listed("Near"), listed("Far")
    answer(sent, version, [(near, 90, "strong"), (far, 80, "strong")])
    address = f"/search/{sent.pk}/"
    assert text(client.get(address)).count("Not alike") == 2
    shown = client.post(f"{address}hide/", {"dog": near.pk, "hide": "yes", "next": address})
    assert shown["Location"] == address
    page = text(client.get(address))
    assert "You took 1 dog out of this answer" in page
    assert page.count("Not alike") == 1
    client.post(f"{address}hide/", {"dog": near.pk, "hide": "no"})
    assert text(client.get(address)).count("Not alike") == 2
    assert not NotAlike.objects.exists()


def test_not_alike_tells_where_it_stood(client, sent, version, listed):
    near = listed("Near")
    answer(sent, version, [(near, 90, "strong")])
    address = f"/search/{sent.pk}/"
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{address}?sex=f"}
    shown = client.post(f"{address}hide/", {"dog": near.pk, "hide": "yes"}, headers=headers)
    assert "Near is taken out of this answer. Undo" in text(shown)
    assert f'value="http://testserver{address}?sex=f"' in shown.content.decode()


def test_only_a_dog_of_the_answer_and_only_ones_own(client, sent, version, listed):
    near, other = listed("Near"), listed("Other")
    answer(sent, version, [(near, 90, "strong")])
    address = f"/search/{sent.pk}/hide/"
    assert client.post(address, {"dog": other.pk, "hide": "yes"}).status_code == 404
    assert client.post(address, {"dog": "x", "hide": "yes"}).status_code == 400
    client.cookies.clear()
    assert client.post(address, {"dog": near.pk, "hide": "yes"}).status_code == 404
    assert not NotAlike.objects.exists()


def test_not_alike_goes_with_the_photo(sent, version, listed):
    near = listed("Near")
    answer(sent, version, [(near, 90, "strong")])
    services.hide_dog(dog=near, ranking=sent.rankings.get())
    services.delete_query(query=sent)
    assert not NotAlike.objects.exists()


def test_in_an_answer_to_a_listed_dog_it_is_each_readers_own(client, similar, django_user_model):
    dog = match_at(similar, 3).dog
    address = f"/dogs/{similar.dog.slug}/similar/"
    client.post(f"{address}hide/", {"dog": dog.pk, "hide": "yes"})
    client.post(f"{address}hide/", {"dog": dog.pk, "hide": "yes"})
    rows = Feedback.objects.filter(kind="not_alike")
    assert [(row.preferred, row.other) for row in rows] == [(parts(0.9), parts(0.5))] * 2
    assert "You took 1 dog out" in text(client.get(address))
    client.force_login(django_user_model.objects.create_user("a@example.org", "secret"))
    assert "You took 1 dog out" not in text(client.get(address))
    NotAlike.objects.update(created_at=timezone.now() - timedelta(days=2))
    services.expire_feedback()
    assert not NotAlike.objects.exists()


def test_what_weighed_is_told(client, sent, version, listed):
    near, far = listed("Near"), listed("Far")
    answer(sent, version, [(near, 90, "strong"), (far, 80, "strong")])
    matches = sent.rankings.get().matches
    matches.filter(dog=near).update(parts=parts(0.95))
    matches.filter(dog=far).update(parts=parts(0.4, breed=0.9))
    page = text(client.get(f"/search/{sent.pk}/"))
    assert page.count("similar coat") == 1
    assert "looks the same breed" not in page  # without a weight it does not count
    table = text(client.get(f"/search/{sent.pk}/compare/{far.pk}/"))
    assert "What weighed" in table
    assert "Coat Different" in table
    assert "Breed Very alike does not count" in table
    services.activate_weights(weights=better(breed=0.2))
    page = text(client.get(f"/search/{sent.pk}/"))
    assert "similar coat" not in page
    assert "looks the same breed" in page


def test_where_only_looks_were_compared_nothing_is_said_of_parts(client, sent, version, listed):
    near = listed("Near")
    answer(sent, version, [(near, 90, "strong")])
    assert "What weighed" not in text(client.get(f"/search/{sent.pk}/compare/{near.pk}/"))


def test_newest_preferences_are_held_back(monkeypatch):
    """Those of last week judge what those before them taught."""
    feed(1000, breed=0.3)
    feed(250, breed=-0.3)
    row = services.learn_weights()
    assert row.weights["like"]["breed"] > 0
    assert row.held_back == 250
    assert not row.is_better
    monkeypatch.setattr(learning, "MOST_PAIRS", 400)
    assert services.learn_weights().pairs == 320


def test_who_presses_again_and_again_teaches_once(similar, client):
    match = match_at(similar, 2)
    hide, keep = f"/dogs/{similar.dog.slug}/similar/hide/", f"/dogs/{match.dog.slug}/keep/"
    for _ in range(5):
        for wanted in ("yes", "no"):
            client.post(hide, {"dog": match.dog_id, "hide": wanted})
            client.post(keep, {"keep": wanted, "match": match.pk})
    kinds = list(Feedback.objects.values_list("kind", flat=True))
    assert sorted(kinds) == ["favourite"] * 2 + ["not_alike"] * 2
