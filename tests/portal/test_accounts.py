"""Accounts: signing up, a new password, a second step, tokens, leaving; members and invitations."""

import hashlib
import hmac
import json
import re
import struct
import time
from base64 import b32decode

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.api.leaving import erase_account
from portal.api.models import ApiToken
from portal.dogs.models import DogChange
from portal.dogs.pieces import append, begin
from portal.enquiries.models import Enquiry
from portal.matching.models import Favourite, Query, SavedSearch
from portal.shelters import services as shelters
from portal.shelters.models import Invitation, Membership
from tests.portal.answers import text
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db

SECRET = "a-long-secret-7"


@pytest.fixture(autouse=True)
def no_counts(db):
    """Log-ins are counted in the cache, over tests too."""
    cache.clear()


@pytest.fixture
def adopter(db):
    return User.objects.create_user("jiho@example.org", SECRET, display_name="Jiho")


@pytest.fixture
def works(shelter, staff):
    shelters.add_member(shelter=shelter, user=staff)
    client = Client()
    client.force_login(staff)
    return client


def link(letter):
    return re.search(r"https?://[^/]+(/\S+)", letter.body)[1]


def log_in(client, email="jiho@example.org", password=SECRET):
    return client.post("/login/", {"login": email, "password": password})


# Signing up


def sign_up(client, email="jiho@example.org"):
    sent = {"display_name": "Jiho", "email": email, "password1": SECRET}
    return client.post("/account/sign-up/", sent)


def test_who_signs_up_proves_the_address_and_keeps_what_they_kept(client, listed):
    dog = listed("Bori")
    client.post(f"/dogs/{dog.slug}/keep/", {"keep": "yes"})
    assert sign_up(client)["Location"] == "/account/address/sent/"
    assert log_in(Client())["Location"] == "/account/address/sent/"
    letter = mail.outbox[0]
    assert (letter.to, letter.subject) == (["jiho@example.org"], "Is this your address?")
    assert "Yes, it is mine" in letter.alternatives[0][0]
    answer = client.post(link(letter), follow=True)
    assert "My account" in text(answer)
    user = User.objects.get(email="jiho@example.org")
    assert (user.display_name, user.language) == ("Jiho", "en")
    assert Favourite.objects.get().owner == user


def test_an_address_that_has_an_account_is_told_by_mail_only(client, adopter):
    answer = sign_up(client)
    assert answer["Location"] == "/account/address/sent/"
    assert User.objects.count() == 1
    assert mail.outbox[0].subject == "You have an account already"
    assert log_in(client)["Location"] == "/"


@pytest.mark.parametrize(
    ("field", "value"), [("email", "jiho"), ("email", ""), ("password1", "12345678")]
)
def test_a_wrong_value_is_told_beside_its_field(client, field, value):
    sent = {"display_name": "", "email": "jiho@example.org", "password1": SECRET, field: value}
    page = client.post("/account/sign-up/", sent).content.decode()
    assert re.search(rf'id="id_{field}_error">\s*<p class="field-error">', page)
    assert not User.objects.exists()


# Log-in


def test_five_wrong_passwords_are_enough(client, adopter):
    for _ in range(5):
        assert "belong together" in text(log_in(client, password="wrong"))
    assert "That was wrong too often." in text(log_in(client))


def test_a_cache_that_is_away_keeps_nobody_out(client, adopter, settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "portal.cache.ForgivingCache",
            "LOCATION": "redis://127.0.0.1:1/0",
        }
    }
    assert log_in(client)["Location"] == "/"


def test_raw_rows_ask_for_the_same_log_in(client, adopter):
    answer = client.get("/admin/")
    answer = client.get(answer["Location"]) if answer["Location"].startswith("/admin/") else answer
    assert answer["Location"].startswith("/login/?next=")


def test_a_forgotten_password_is_chosen_anew(client, adopter):
    client.post("/account/password/forgotten/", {"email": "JIHO@example.org"})
    (letter,) = mail.outbox
    assert letter.subject == "A new password"
    page = client.get(link(letter), follow=True)
    address = page.redirect_chain[-1][0]
    client.post(address, {"password1": "another-secret-8", "password2": "another-secret-8"})
    assert log_in(Client(), password="another-secret-8")["Location"] == "/"
    assert log_in(Client()).status_code == 200


def test_an_unknown_address_looks_the_same_from_outside(client, adopter):
    answers = [
        client.post("/account/password/forgotten/", {"email": email}, follow=True)
        for email in ("jiho@example.org", "nobody@example.org")
    ]
    pages = [re.sub(r'csrf\w+" value="\w+', "", answer.content.decode()) for answer in answers]
    assert pages[0] == pages[1]
    assert [letter.subject for letter in mail.outbox] == [
        "A new password",
        "No account of this address",
    ]


def test_another_address_counts_once_it_is_proved(client, adopter):
    log_in(client)
    client.post("/account/sure/", {"password": SECRET})
    client.post("/account/address/", {"email": "new@example.org", "action_add": ""})
    adopter.refresh_from_db()
    assert adopter.email == "jiho@example.org"
    client.post(link(mail.outbox[-1]))
    adopter.refresh_from_db()
    assert adopter.email == "new@example.org"
    assert EmailAddress.objects.get(user=adopter, primary=True).email == "new@example.org"


def code_of(secret):
    """RFC 6238 with SHA-1, 30 seconds, six digits."""
    digest = hmac.new(b32decode(secret), struct.pack(">Q", int(time.time()) // 30), hashlib.sha1)
    offset = digest.digest()[-1] & 15
    number = struct.unpack(">I", digest.digest()[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def test_a_second_step(client, adopter):
    log_in(client)
    client.post("/account/sure/", {"password": SECRET})
    page = client.get("/account/two-factor/totp/activate/", follow=True).content.decode()
    secret = re.search(r'value="([A-Z2-7]{32})"', page)[1]
    client.post("/account/two-factor/totp/activate/", {"code": code_of(secret)})
    other = Client()
    assert log_in(other)["Location"] == "/account/two-factor/authenticate/"
    assert "_auth_user_id" not in other.session
    other.post("/account/two-factor/authenticate/", {"code": "000000"})
    assert "_auth_user_id" not in other.session
    cache.clear()  # A code is good once.
    other.post("/account/two-factor/authenticate/", {"code": code_of(secret)})
    assert other.session["_auth_user_id"] == str(adopter.pk)


# One's own


def test_name_and_language(client, adopter):
    client.force_login(adopter)
    client.post("/account/", {"display_name": "Ji", "language": "ko"})
    adopter.refresh_from_db()
    assert (adopter.display_name, adopter.language) == ("Ji", "ko")
    assert client.post("/account/", {"display_name": "x" * 81}).status_code == 422


def test_a_token_is_shown_once(client, adopter):
    client.force_login(adopter)
    assert client.post("/account/tokens/", {"name": ""}).status_code == 422
    answer = client.post("/account/tokens/", {"name": "My program", "scopes": ["search"]})
    assert answer["Location"] == "/account/tokens/"
    secret = re.search(r"pk_[\w-]+", text(client.get("/account/tokens/")))[0]
    assert secret not in text(client.get("/account/tokens/"))
    headers = {"Authorization": f"Bearer {secret}"}
    assert Client().get("/api/v1/favourites/", headers=headers).status_code == 200
    client.post(f"/account/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert Client().get("/api/v1/favourites/", headers=headers).status_code == 401
    # An adopter's can't be an admin's.
    sent = {"name": "x", "scopes": ["admin"]}
    assert client.post("/account/tokens/", sent).status_code == 422


def test_nobody_revokes_anothers_token(client, adopter, works):
    works.post("/account/tokens/", {"name": "Theirs"})
    client.force_login(adopter)
    token = ApiToken.objects.get()
    assert client.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert "Theirs" not in text(client.get("/account/tokens/"))


def test_all_of_it_can_be_taken_along_and_deleted(
    client, adopter, make_dog, media_files, on_commit
):
    client.force_login(adopter)
    dog = make_dog("Bori")
    form = {"name": "Jiho", "email": adopter.email, "text": "Is Bori good with rabbits?"}
    client.post(f"/dogs/{dog.slug}/ask/", form)
    client.post(f"/dogs/{dog.slug}/keep/", {"keep": "yes"})
    client.post("/search/", {"photo": upload()})
    SavedSearch.objects.create(
        owner=adopter, email=adopter.email, dog=dog, expires_at=timezone.now()
    )
    answer = client.get("/account/export/")
    assert 'attachment; filename="pawkin.json"' in answer["Content-Disposition"]
    told = json.loads(answer.content)
    assert told["account"]["email"] == adopter.email
    assert told["favourites"][0]["dog"] == dog.slug
    assert told["enquiries"][0]["messages"][0]["text"] == "Is Bori good with rabbits?"
    assert len(told["searches"]) == len(told["saved_searches"]) == 1

    assert "This is not your password." in text(client.post("/account/leave/", {"password": "x"}))
    with on_commit():
        answer = client.post("/account/leave/", {"password": SECRET}, follow=True)
    assert "Your account is deleted" in text(answer)
    for model in (Query, SavedSearch, Favourite, Enquiry, EmailAddress.objects.model):
        assert not model.objects.filter(**mine(model)).exists()
    assert media_files() == []
    assert not User.objects.filter(pk=adopter.pk).exists()


def mine(model):
    return {"email": "jiho@example.org"} if model is EmailAddress else {}


def test_what_a_leaver_did_for_a_shelter_stays(make_dog, staff, shelter):
    dog = make_dog("Bori", photos=1)
    erase_account(user=staff)
    assert dog.photos.count() == 1
    assert DogChange.objects.filter(dog=dog, by=None).exists()


def test_photos_on_their_way_go_with_who_sent_them(staff, on_commit, media_files):
    sent = begin(owner=staff, dog=None, name="a.jpg", length=10)
    append(upload=sent, offset=0, data=b"half")
    assert len(media_files()) == 1
    with on_commit():
        erase_account(user=staff)
    assert media_files() == []


def test_the_last_admin_stays(client):
    admin = User.objects.create_superuser("admin@example.org", SECRET)
    client.force_login(admin)
    answer = client.post("/account/leave/", {"password": SECRET})
    assert "Somebody has to look after Pawkin." in text(answer)
    assert User.objects.filter(pk=admin.pk).exists()


@pytest.mark.parametrize(
    "address",
    ["/account/", "/account/tokens/", "/account/leave/", "/account/export/", "/staff/members/"],
)
def test_visitors_are_asked_to_log_in(client, db, address):
    assert client.get(address)["Location"].startswith("/login/")


# Members


def invite(client, shelter, email="new@example.org"):
    return client.post("/staff/members/", {"email": email, "shelter": shelter.pk})


def test_a_colleague_without_an_account_joins(works, shelter, make_dog, on_commit):
    with on_commit():
        assert invite(works, shelter)["Location"] == "/staff/members/"
    (letter,) = mail.outbox
    assert letter.subject == "Work for Haneul on Pawkin"
    assert "new@example.org" in text(works.get("/staff/members/"))
    visitor = Client()
    address = link(letter)
    assert "Accept the invitation" in text(visitor.get(address))
    assert visitor.post(address, {"name": "", "password": "123"}).status_code == 422
    answer = visitor.post(address, {"name": "Sora", "password": SECRET})
    assert answer["Location"] == "/staff/"
    user = User.objects.get(email="new@example.org")
    assert Membership.objects.filter(user=user, shelter=shelter).exists()
    assert log_in(Client(), "new@example.org")["Location"] == "/staff/"
    # Once.
    assert Client().get(address).status_code == 410


def test_one_with_an_account_joins_after_log_in(works, shelter, adopter, client, on_commit):
    with on_commit():
        invite(works, shelter, adopter.email)
    address = link(mail.outbox[0])
    assert "There is an account of this address." in text(client.get(address))
    assert client.post(address, {"name": "X", "password": SECRET}).status_code == 200
    assert not Membership.objects.filter(user=adopter).exists()
    client.force_login(adopter)
    assert client.post(address)["Location"] == "/staff/"
    assert Membership.objects.filter(user=adopter).exists()


def test_an_invitation_is_for_its_address_only(works, shelter, adopter, client, on_commit):
    with on_commit():
        invite(works, shelter)
    client.force_login(adopter)
    address = link(mail.outbox[0])
    assert "logged in with another address" in text(client.post(address))
    assert not Membership.objects.filter(user=adopter).exists()
    with pytest.raises(shelters.MembersRefused) as refused:
        shelters.accept_invitation(invitation=Invitation.objects.get(), user=adopter)
    assert refused.value.code == "other_address"


def test_what_is_withdrawn_or_too_old_opens_nothing(works, shelter, on_commit, client):
    with on_commit():
        invite(works, shelter)
        invite(works, shelter)
    first, second = (link(letter) for letter in mail.outbox)
    assert client.get(first).status_code == 410
    assert client.get(second).status_code == 200
    Invitation.objects.update(expires_at=timezone.now())
    assert client.get(second).status_code == 410
    with on_commit():
        invite(works, shelter)
    works.post(f"/staff/invitations/{Invitation.objects.get().pk}/revoke/")
    assert client.get(link(mail.outbox[-1])).status_code == 410
    assert client.get("/invitations/nonsense/").status_code == 410


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("", "Enter the address of the person"),
        ("new", "This is no e-mail address."),
        ("staff@example.org", "works for the shelter already"),
    ],
)
def test_what_is_no_new_address_is_told(works, shelter, email, words):
    answer = invite(works, shelter, email)
    assert answer.status_code == 422
    assert words in text(answer)


def test_members_go_but_for_the_last(works, shelter, adopter):
    shelters.add_member(shelter=shelter, user=adopter)
    row = Membership.objects.get(user=adopter)
    assert "Jiho" in text(works.get("/staff/members/"))
    works.post(f"/staff/members/{row.pk}/remove/")
    assert not Membership.objects.filter(user=adopter).exists()
    last = Membership.objects.get()
    answer = works.post(f"/staff/members/{last.pk}/remove/", follow=True)
    assert "A shelter needs somebody" in text(answer)
    assert Membership.objects.count() == 1


def test_another_shelters_members_are_not_there(works, shelter, adopter, client):
    other = shelters.create_shelter(name="Bada")
    shelters.add_member(shelter=other, user=adopter)
    client.force_login(adopter)
    row = Membership.objects.get(shelter=shelter)
    assert client.post(f"/staff/members/{row.pk}/remove/").status_code == 404
    assert invite(client, shelter).status_code == 422
    assert client.get(f"/staff/shelter/{shelter.slug}/").status_code == 404
    assert "staff@example.org" not in text(client.get("/staff/members/"))


def test_a_shelters_facts(works, shelter):
    sent = {"name": "Haneul", "city": "", "address": "제주시 애월읍", "phone": "064", "email": ""}
    works.post(f"/staff/shelter/{shelter.slug}/", sent)
    shelter.refresh_from_db()
    assert shelter.phone == "064"
    assert shelter.point is not None
    answer = works.post(f"/staff/shelter/{shelter.slug}/", {**sent, "name": "", "email": "x"})
    assert answer.status_code == 422
    assert "A shelter needs a name." in text(answer)
    assert "This is no e-mail address." in text(answer)
