"""All that refers to an account: told in its copy, and gone or without a name once it has left.

Columns are read from the models, so that a new one without a rule fails here.
"""

import json
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from portal.accounts.models import AuditEvent, User
from portal.annotations.services import skip_photo
from portal.api.leaving import OWN, WORK, erase_account, export_of
from portal.api.models import ApiToken
from portal.clips.models import Clip
from portal.dogs.models import DogChange, DogEvent, PartialUpload, TemperamentValue
from portal.enquiries.models import Enquiry, Message
from portal.feeds.models import Archive, TemperamentSuggestion
from portal.matching.models import (
    DuplicateHint,
    Favourite,
    NotAlike,
    Query,
    Retention,
    SavedSearch,
)
from portal.publishing.models import Webhook
from portal.shelters.models import Invitation
from portal.shelters.services import add_member

pytestmark = pytest.mark.django_db

LATER = timezone.now() + timedelta(days=1)
# Columns of addresses, each with what becomes of it: the account's own, its shelter's, or deleted
# with the account that proved the address.
ADDRESSES = {
    "accounts.User.email",
    "account.EmailAddress.email",
    "shelters.Shelter.email",
    "shelters.Invitation.email",
    "enquiries.Enquiry.email",
    "matching.SavedSearch.email",
}


def columns():
    """Name and field of every reference to an account."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if field.remote_field and field.remote_field.model is User:
                yield f"{model._meta.label}.{field.name}", field


def test_every_reference_to_an_account_has_a_rule():
    assert {name for name, _field in columns()} == set(OWN) | set(WORK)
    assert not set(OWN) & set(WORK)
    for name, field in columns():
        expected = models.CASCADE if name in OWN else models.SET_NULL
        assert field.remote_field.on_delete is expected, name


def test_every_column_of_addresses_is_known():
    found = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.EmailField)
    }
    assert found == ADDRESSES


@pytest.fixture
def leaver(db):
    return User.objects.create_user("minji@example.org", "secret", display_name="Minji")


@pytest.fixture
def everything(leaver, listed, shelter):
    """A row for each reference."""
    dog, other = listed("Bori"), listed("Coco")
    photo = dog.photos.get()
    asked = Enquiry.objects.create(dog=dog, shelter=shelter, user=leaver, name="M", email="x@y.org")
    others = Enquiry.objects.create(dog=dog, shelter=shelter, name="Kim", email="kim@example.org")
    add_member(shelter=shelter, user=leaver)
    rows = [
        (Authenticator, {"user": leaver, "type": "totp", "data": {"secret": "top secret"}}),
        (Favourite, {"owner": leaver, "dog": dog}),
        (SavedSearch, {"owner": leaver, "email": leaver.email, "dog": dog, "expires_at": LATER}),
        (Query, {"owner": leaver, "expires_at": LATER}),
        (NotAlike, {"owner": leaver, "source": dog, "dog": other}),
        (PartialUpload, {"owner": leaver, "name": "a.jpg", "length": 9}),
        (Webhook, {"owner": leaver, "url": "https://a.example/", "secret": "top secret"}),
        (ApiToken, {"user": leaver, "name": "t", "digest": "top secret", "hint": "pk_1"}),
        (LogEntry, {"user": leaver, "content_type": ContentType.objects.first(),
                    "object_repr": "Bori", "action_flag": 2}),
        (AuditEvent, {"by": leaver, "action": "logged_in"}),
        (Invitation, {"by": leaver, "shelter": shelter, "email": "n@example.org",
                      "expires_at": LATER}),
        (TemperamentValue, {"set_by": leaver, "dog": dog, "trait": "energy", "level": 3,
                            "set_at": LATER}),
        (DogEvent, {"by": leaver, "dog": dog, "kind": "listed"}),
        (DogChange, {"by": leaver, "dog": dog, "field": "name"}),
        (DuplicateHint, {"decided_by": leaver, "dog": dog, "other": other, "photo": photo,
                         "other_photo": other.photos.get(), "similarity": 0.9}),
        (Retention, {"changed_by": leaver, "query_hours": 1, "saved_search_days": 1,
                     "predictions_days": 1}),
        (Clip, {"by": leaver, "dog": dog}),
        (Message, {"by": leaver, "enquiry": others, "from_shelter": True, "text": "Come!"}),
        (Message, {"by": leaver, "enquiry": asked, "from_shelter": False, "text": "May I?"}),
        (Archive, {"by": leaver, "shelter": shelter, "name": "a.zip", "upload": "archives/a"}),
        (TemperamentSuggestion, {"decided_by": leaver, "dog": dog, "trait": "affinity",
                                 "level": 3}),
    ]  # fmt: skip
    for model, fields in rows:
        model.objects.create(**fields)
    skip_photo(photo=photo, by=leaver)


def rows_of(user):
    """How many rows refer to an account, by column."""
    return {
        name: field.model._base_manager.filter(**{field.name: user}).count()
        for name, field in columns()
    }


def test_the_copy_tells_of_every_row_and_of_no_secret(leaver, everything):
    assert [name for name, count in rows_of(leaver).items() if not count] == []
    copy = json.loads(json.dumps(export_of(leaver), cls=DjangoJSONEncoder))
    assert [name for name, key in OWN.items() if not copy[key]] == []
    assert set(copy["work"]) == set(WORK)
    assert [name for name, told in copy["work"].items() if not told] == []
    assert "top secret" not in json.dumps(copy)


def test_what_is_its_own_goes_and_its_work_stays_without_a_name(leaver, everything):
    before = {name: field.model._base_manager.count() for name, field in columns()}
    erase_account(user=leaver)
    for name, field in columns():
        gone = before[name] - field.model._base_manager.count()
        # Of what was written, its own question went with the enquiry; that it left is noted.
        told = {"enquiries.Message.by": 1, "accounts.AuditEvent.by": -1}.get(name, 0)
        assert gone == (told if name in WORK else 1), name
    assert "minji" not in str(list(AuditEvent.objects.values())).lower()


def test_what_its_addresses_asked_without_an_account_goes_with_it(leaver, make_dog, shelter):
    dog = make_dog("Bori")
    for address in ("Minji@Example.org", "other@example.org"):
        enquiry = Enquiry.objects.create(dog=dog, shelter=shelter, name="M", email=address)
        Message.objects.create(enquiry=enquiry, from_shelter=False, text="May I?")
        SavedSearch.objects.create(email=address, dog=dog, expires_at=LATER)
        Invitation.objects.create(shelter=shelter, email=address, expires_at=LATER)
    copy = export_of(leaver)
    kinds = ("enquiries", "saved_searches", "invitations")
    assert [len(copy[kind]) for kind in kinds] == [1, 1, 1]
    erase_account(user=leaver)
    for model in (Enquiry, SavedSearch, Invitation):
        assert [row.email for row in model.objects.all()] == ["other@example.org"]
    assert Message.objects.count() == 1


def test_an_address_that_is_not_proved_gives_nothing_away(leaver, make_dog, shelter):
    """Whoever adds another's address to their account learns nothing, and deletes nothing."""
    EmailAddress.objects.create(user=leaver, email="victim@example.org", verified=False)
    dog = make_dog("Bori")
    Enquiry.objects.create(dog=dog, shelter=shelter, name="V", email="victim@example.org")
    SavedSearch.objects.create(email="victim@example.org", dog=dog, expires_at=LATER)
    copy = export_of(leaver)
    assert copy["enquiries"] == copy["saved_searches"] == []
    erase_account(user=leaver)
    assert Enquiry.objects.exists()
    assert SavedSearch.objects.exists()
