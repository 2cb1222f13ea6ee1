"""Questions about a dog: who may read them, what both sides see, what the e-mails carry."""

import re
import uuid

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.dogs import services as dogs
from portal.dogs.models import Dog
from portal.enquiries import services
from portal.enquiries.models import Enquiry, Message
from portal.shelters.services import add_member, create_shelter
from tests.portal.answers import text

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(shelter, staff):
    add_member(shelter=shelter, user=staff)
    return staff


@pytest.fixture
def adopter(db):
    return User.objects.create_user("jiho@example.org", "secret", display_name="Jiho")


@pytest.fixture
def asks(client, adopter):
    client.force_login(adopter)
    return client


@pytest.fixture
def works(member):
    client = Client()
    client.force_login(member)
    return client


def form(**fields):
    return {
        "submission": str(uuid.uuid4()),
        "name": "Jiho",
        "email": "jiho@example.org",
        "text": "Is Bori good with rabbits?",
        **fields,
    }


def ask(client, dog, **fields):
    return client.post(f"/dogs/{dog.slug}/ask/", form(**fields))


def link(message):
    return re.search(r"https?://[^/]+(/enquiries/\S+)", message.body)[1]


def test_a_question_and_its_answer(asks, works, member, make_dog, on_commit):
    dog = make_dog("Bori")
    page = text(asks.get(f"/dogs/{dog.slug}/ask/"))
    assert "Ask about Bori" in page
    with on_commit():
        answer = ask(asks, dog)
    enquiry = Enquiry.objects.get()
    assert answer["Location"] == reverse("enquiry", args=[enquiry.pk])
    assert "sent to the shelter" in text(asks.get(answer["Location"]))
    letter = mail.outbox[-1]
    assert (letter.to, letter.reply_to) == ([member.email], ["jiho@example.org"])
    assert f"/staff/enquiries/{enquiry.pk}/" in letter.body

    assert "Questions 1" in text(works.get("/staff/"))
    assert "Jiho about Bori" in text(works.get("/staff/enquiries/?state=new"))
    works.get(f"/staff/enquiries/{enquiry.pk}/")
    assert "read by the shelter" in text(asks.get("/enquiries/"))
    with on_commit():
        works.post(f"/staff/enquiries/{enquiry.pk}/", {"text": "She lives with two."})
    assert "She lives with two." in text(asks.get(answer["Location"]))
    assert "answered" in text(asks.get("/enquiries/"))
    letter = mail.outbox[-1]
    assert letter.to == ["jiho@example.org"]
    assert "She lives with two." in letter.body

    # The link opens the conversation without a log-in, and lets one write on.
    visitor = Client()
    address = link(letter)
    assert "She lives with two." in text(visitor.get(address))
    with on_commit():
        answer = visitor.post(address, {"text": "May I come on Sunday?"})
    assert answer["Location"] == address
    assert Enquiry.objects.get().state == Enquiry.State.NEW
    assert "May I come on Sunday?" in text(works.get(f"/staff/enquiries/{enquiry.pk}/"))


def test_a_visitor_proves_the_address_first(client, works, make_dog, on_commit):
    dog = make_dog("Bori")
    with on_commit():
        answer = client.post(f"/dogs/{dog.slug}/ask/", form(), follow=True)
    assert "open the link in the e-mail" in text(answer)
    enquiry = Enquiry.objects.get()
    assert works.get(f"/staff/enquiries/{enquiry.pk}/").status_code == 404
    (letter,) = mail.outbox
    address = link(letter)
    assert "Send your question?" in text(client.get(address))
    assert "No question here" in text(works.get("/staff/enquiries/"))
    with on_commit():
        assert "Your question is sent" in text(client.post(address))
    assert "Jiho about Bori" in text(works.get("/staff/enquiries/"))
    # What confirms is not what opens.
    token = address.partition("token=")[2]
    assert client.get(f"/enquiries/{enquiry.pk}/?token={token}").status_code == 404


def test_the_same_form_asks_once_and_a_changed_one_again(asks, make_dog, shelter):
    dog, sent = make_dog("Bori"), form()
    for _ in range(2):
        asks.post(f"/dogs/{dog.slug}/ask/", sent)
    assert Message.objects.count() == 1
    asks.post(f"/dogs/{dog.slug}/ask/", {**sent, "text": "And with cats?"})
    assert Enquiry.objects.count() == 2


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "Tell the shelter what to call you."),
        ("name", "x" * 81, "at most 80 characters"),
        ("email", "", "Enter the address that the answer may go to."),
        ("email", "jiho", "This is no e-mail address."),
        ("text", " ", "Write a sentence or two"),
        ("text", "x" * 4001, "at most 4000 characters"),
    ],
)
def test_each_wrong_field_says_so_beside_itself(client, make_dog, field, value, words):
    answer = ask(client, make_dog("Bori"), **{field: value})
    assert answer.status_code == 422
    (error,) = re.findall(r'id="id_(\w+)_error">(.*?)</div>', answer.content.decode(), re.DOTALL)
    assert error[0] == field
    assert words in error[1]
    assert not Enquiry.objects.exists()


def test_a_program_that_fills_in_every_field_asks_nothing(client, make_dog, on_commit):
    with on_commit():
        ask(client, make_dog("Bori"), website="https://spam.example/")
    assert not Enquiry.objects.exists()
    assert not mail.outbox


def test_nobody_fills_a_mailbox(client, make_dog, on_commit):
    dog = make_dog("Bori")
    with on_commit():
        answers = [ask(client, dog) for _ in range(services.ENQUIRIES_AN_HOUR + 1)]
    assert answers[-1].status_code == 422
    assert "a lot of questions at once" in text(answers[-1])
    assert len(mail.outbox) == services.ENQUIRIES_AN_HOUR


def test_a_dog_that_has_gone_is_not_asked_about(client, make_dog, staff):
    dog = make_dog("Bori")
    dogs.set_status(dog=dog, status=Dog.Status.ADOPTED, by=staff)
    assert client.get(f"/dogs/{dog.slug}/ask/").status_code == 410
    assert ask(client, dog).status_code == 410
    assert client.get(f"/dogs/{make_dog('Nari', publish=False).slug}/ask/").status_code == 404


def test_closed_means_closed_until_it_is_opened_again(asks, works, make_dog, on_commit):
    ask(asks, make_dog("Bori"))
    enquiry = Enquiry.objects.get()
    asks.post(f"/enquiries/{enquiry.pk}/close/")
    assert "This conversation is closed." in text(works.get(f"/staff/enquiries/{enquiry.pk}/"))
    answer = asks.post(f"/enquiries/{enquiry.pk}/", {"text": "Still there?"}, follow=True)
    assert "This enquiry is closed." in text(answer)
    works.post(f"/staff/enquiries/{enquiry.pk}/state/", {"open": "yes"})
    asks.post(f"/enquiries/{enquiry.pk}/", {"text": "Still there?"})
    assert Message.objects.count() == 2
    works.post(f"/staff/enquiries/{enquiry.pk}/state/")
    assert Enquiry.objects.get().state == Enquiry.State.CLOSED


def test_nobody_else_reads_or_writes(asks, member, make_dog):
    ask(asks, make_dog("Bori"))
    enquiry = Enquiry.objects.get()
    other = User.objects.create_user("other@example.org", "secret")
    add_member(shelter=create_shelter(name="Bada"), user=other)
    stranger = Client()
    stranger.force_login(other)
    visitor = Client()
    for address in (f"/enquiries/{enquiry.pk}/", f"/enquiries/{enquiry.pk}/?token=x"):
        for client in (stranger, visitor):
            assert client.get(address).status_code == 404
            assert client.post(address, {"text": "x"}).status_code == 404
    assert stranger.post(f"/enquiries/{enquiry.pk}/close/").status_code == 404
    assert stranger.get(f"/staff/enquiries/{enquiry.pk}/").status_code == 404
    assert stranger.post(f"/staff/enquiries/{enquiry.pk}/", {"text": "x"}).status_code == 404
    assert stranger.post(f"/staff/enquiries/{enquiry.pk}/state/").status_code == 404
    assert "Jiho" not in text(stranger.get("/staff/enquiries/"))
    assert asks.get("/staff/enquiries/").status_code == 403
    assert visitor.get("/staff/enquiries/")["Location"].startswith("/login/")
    assert visitor.get("/enquiries/")["Location"].startswith("/login/")
    # A token opens its own conversation only.
    second = services.send_enquiry(
        dog=make_dog("Nari"), user=None, name="A", email="a@b.org", language="en", text="?"
    )
    token = services.address_for_adopter(second).partition("?")[2]
    assert visitor.get(f"/enquiries/{enquiry.pk}/?{token}").status_code == 404
    assert Message.objects.filter(enquiry=enquiry).count() == 1


@pytest.mark.parametrize("address", ["/enquiries/", "/staff/enquiries/"])
def test_a_full_list_costs_no_more_than_a_short_one(
    address, asks, works, make_dog, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(services, "ENQUIRIES_AN_HOUR", 99)
    client = works if address.startswith("/staff") else asks
    for number in range(12):
        ask(asks, make_dog(f"Dog {number}"))
    with django_assert_max_num_queries(15):
        assert text(client.get(address)).count("Dog ") >= 12
