"""Who may open what: every address of the site by every kind of person.

The addresses are read from the URL configuration, so that a new one without a rule fails here.
"""

import copy
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from portal.accounts.models import User
from portal.api.models import ApiToken
from portal.clips.models import Clip
from portal.dogs import services as services_of_dogs
from portal.dogs.models import PartialUpload, Photo
from portal.enquiries.models import Enquiry
from portal.feeds import services as feeds
from portal.feeds.models import Archive, FeedRun, TemperamentSuggestion
from portal.feeds.secrets import encrypt
from portal.jobs.models import Job
from portal.matching import services
from portal.matching.filters import Filters
from portal.matching.models import DuplicateHint, FusionWeights, SavedSearch
from portal.publishing.models import Webhook
from portal.shelters.models import Invitation
from portal.shelters.services import add_member, create_shelter
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db

WRITES = ("post", "put", "patch", "delete")
ROLES = ("visitor", "adopter", "other adopter", "staff", "other staff", "admin")
IN, LOGIN, REFUSED, GONE = "in", "asked to log in", "refused", "not there"

# What each kind of address answers to each role, in the order of ROLES.
RULES = {
    "anybody": (IN, IN, IN, IN, IN, IN),
    "whoever is logged in": (LOGIN, IN, IN, IN, IN, IN),
    "staff": (LOGIN, REFUSED, REFUSED, IN, IN, IN),
    "admins": (LOGIN, REFUSED, REFUSED, REFUSED, REFUSED, IN),
    # Of one shelter: to others it is not there, and adopters are told that it is not for them.
    "its staff": (LOGIN, REFUSED, REFUSED, IN, GONE, IN),
    # A draft, or a photo of one, at an address that is public for others.
    "its staff, else not there": (GONE, GONE, GONE, IN, GONE, IN),
    # Of one adopter: not even admins look at it.
    "its owner": (GONE, IN, GONE, GONE, GONE, GONE),
    "its owner, logged in": (LOGIN, IN, GONE, GONE, GONE, GONE),
    # Of one of the shelter's staff.
    "its sender": (LOGIN, REFUSED, REFUSED, IN, GONE, GONE),
    "its sender, staff or not": (LOGIN, GONE, GONE, IN, GONE, GONE),
    # An adopter's question: to them and to the shelter.
    "both sides": (LOGIN, IN, GONE, IN, GONE, IN),
    # There is no second step to look at or to end before one was begun.
    "nobody yet": (LOGIN, GONE, GONE, GONE, GONE, GONE),
    # A hint for staff on a photo: of nobody here, as the photo that stands for it is an adopter's.
    "no adopter's": (LOGIN, REFUSED, REFUSED, GONE, GONE, GONE),
    # Tokens are made in a browser's session only; a caller without one is refused.
    "sessions": (REFUSED, IN, IN, IN, IN, IN),
    "its owner's session": (REFUSED, IN, GONE, GONE, GONE, GONE),
    # No reindex has run.
    "admins, of nothing": (LOGIN, REFUSED, REFUSED, REFUSED, REFUSED, GONE),
    "nothing": (GONE, GONE, GONE, GONE, GONE, GONE),
}

# Who may write where they may not read: a visitor asks and saves, and a link in an e-mail proves
# the address; an admin begins a reindex where none has run.
WRITES_ONLY = {
    ("visitor", "api:saved_searches"),
    ("visitor", "api:enquiries"),
    ("admin", "api:reindex"),
}

# Addresses whose slug is a dog's that adopters can see; elsewhere it is a draft's.
OF_LISTED_DOGS = {
    "dog_similar",
    "save_dog",
    "hide_from_similar",
    "keep",
    "sheet",
    "ask",
    "api:dog_similar",
    "api:favourite",
}

NAMES = {
    "anybody": """
        health alive ready predict set_language home confirm_search unsubscribe favourites
        saved_searches manifest survey search browse dog_similar save_dog keep sheet ask login
        hide_from_similar
        account_login logout account_logout account_inactive account_signup
        account_email_verification_sent account_confirm_email account_reset_password
        account_reset_password_done account_reset_password_from_key
        account_reset_password_from_key_done embedded embed_script dogs_rss dogs_atom sitemap
        sitemap_section robots invitation confirm_enquiry api:schema api:docs api:redoc api:dogs
        api:dog_similar api:searches api:breeds api:shelters api:similar_dog api:predict""",
    "whoever is logged in": """
        account account_reauthenticate account_email account_change_password account_set_password
        mfa_index mfa_authenticate mfa_reauthenticate mfa_activate_totp
        mfa_generate_recovery_codes enquiries tokens leave export api:favourites api:favourite
        api:saved_searches api:enquiries api:webhooks""",
    "staff": """
        photo_hints dogs_table members inbox staff:home staff:dogs staff:set_statuses staff:uploads
        staff:retry_all staff:dog_new annotations:overview annotations:next
        annotations:download staff_feeds:feeds staff_feeds:feed_new api:feeds""",
    "admins": """
        logs metrics api:predictions api:versions api:version_activate api:jobs api:job_retry
        manage:overview manage:versions manage:version_activate manage:reindex_cancel
        manage:reindex_pause manage:reindex_resume manage:reindex manage:jobs manage:jobs_retry
        manage:job_retry manage:job_cancel manage:charts manage:predictions
        manage:predictions_table manage:shelters manage:shelter_retry manage:duplicates
        manage:duplicates_look manage:duplicate_decide manage:retention manage:weights_learn
        manage:weights_fixed manage:weights_activate""",
    "its staff": """
        remove_member revoke_invitation shelter_facts inbox_enquiry inbox_state staff:dog_edit
        staff:changes staff:dog_status staff:dog_bond staff:photos staff:photo_add
        staff:photo_order staff:photo_crop staff:photo_delete staff:photo_retry
        annotations:photo annotations:skip annotations:delete
        staff_clips:clips staff_clips:clip staff_clips:film staff_clips:poster staff_clips:retry
        staff_clips:delete
        staff_feeds:suggestion staff_feeds:archive staff_feeds:archive_apply
        staff_feeds:archive_discard staff_feeds:feed staff_feeds:feed_edit staff_feeds:feed_run
        staff_feeds:feed_delete staff_feeds:rejections api:feed api:feed_runs api:suggestions
        api:suggestion api:photo_order api:photo_retry""",
    "its staff, else not there": "dog photo api:dog api:dog_photos api:photo",
    "its owner": """
        query query_photo query_delete save_query hide_from_query compare enquiry close_enquiry
        api:search api:events delete_saved_search""",
    "its owner, logged in": "revoke_token api:saved_search",
    "its sender": "staff:upload",
    "its sender, staff or not": "api:webhook api:deliveries api:ping api:secret",
    "both sides": "api:enquiry api:messages",
    "nobody yet": "mfa_deactivate_totp mfa_view_recovery_codes mfa_download_recovery_codes",
    "no adopter's": "photo_hint",
    "sessions": "api:tokens",
    "its owner's session": "api:token",
    "admins, of nothing": "api:reindex",
    "nothing": "api:api/v1",
}
RULE_OF = {name: rule for rule, names in NAMES.items() for name in names.split()}


def addresses() -> Iterator[tuple[str, str]]:
    """Name and pattern of every address but those of Django's own site of rows."""

    def walk(resolver: URLResolver, prefix: str, space: str) -> Iterator[tuple[str, str]]:
        for entry in resolver.url_patterns:
            path = prefix + str(entry.pattern)
            if isinstance(entry, URLPattern):
                name = entry.name or path.strip("/") or "api root"
                yield (f"{space}:{name}" if space else name), path
            elif str(entry.pattern) != "admin/":
                yield from walk(entry, path, entry.namespace or space)

    yield from walk(get_resolver(), "", "")


def test_every_name_is_one_address() -> None:
    names = Counter(name for name, _path in addresses())
    twice = {name for name, count in names.items() if count > 1}
    assert twice == set()


@pytest.fixture
def people(db):
    """A client and a user of each role."""
    users = {
        "adopter": User.objects.create_user("adopter@example.org", "secret"),
        "other adopter": User.objects.create_user("other@example.org", "secret"),
        "staff": User.objects.create_user("minji@example.org", "secret"),
        "other staff": User.objects.create_user("jiho@example.org", "secret"),
        "admin": User.objects.create_superuser("admin@example.org", "secret"),
    }
    clients = {"visitor": Client()}
    for role, user in users.items():
        clients[role] = Client()
        clients[role].force_login(user)
    return users, clients


@pytest.fixture
def things(people, listed, shelter, version):
    """One of each kind, all of one shelter, one adopter, one of its staff; by the names that
    patterns have for them."""
    users, _clients = people
    adopter, staff = users["adopter"], users["staff"]
    member = add_member(shelter=shelter, user=staff)
    add_member(shelter=create_shelter(name="Elsewhere"), user=users["other staff"])
    draft = listed("Draft")
    services_of_dogs.set_status(dog=draft, status="draft", by=None)
    public = listed("Public")
    query = services.start_query(file=upload(), owner=adopter, owner_key="k", filters=Filters())
    later = timezone.now() + timedelta(days=1)
    saved = SavedSearch.objects.create(
        owner=adopter, email=adopter.email, dog=public, expires_at=later
    )
    enquiry = Enquiry.objects.create(
        dog=public, shelter=shelter, user=adopter, name="A", email=adopter.email, confirmed_at=later
    )
    feed = feeds.create_feed(shelter=shelter, kind="asm3", name="asm")
    hint = services.store_hints(
        pairs=[services.Pair(draft.pk, public.pk, photo_of(draft), photo_of(public), 0.95)]
    )
    assert hint
    return {
        "slug": draft.slug,
        "public slug": public.slug,
        "name": draft.photos.get().name,
        "size": "thumb",
        "photo_id": photo_of(draft),
        "dog_id": public.pk,
        "query_id": query.pk,
        "search_id": query.pk,
        "saved_id": saved.pk,
        "enquiry_id": enquiry.pk,
        "shelter slug": shelter.slug,
        "shelter_id": shelter.pk,
        "membership_id": member.pk,
        "invitation_id": Invitation.objects.create(
            shelter=shelter, email="new@example.org", expires_at=later
        ).pk,
        "feed_id": feed.pk,
        "run_id": FeedRun.objects.create(feed=feed, state="done").pk,
        "archive_id": Archive.objects.create(
            shelter=shelter, by=staff, name="a.zip", upload="archives/a.zip", state="failed"
        ).pk,
        "suggestion_id": TemperamentSuggestion.objects.create(
            dog=draft, trait="energy", level=3
        ).pk,
        "trait": "energy",
        "upload_id": PartialUpload.objects.create(owner=staff, name="a", length=9).pk,
        "webhook_id": Webhook.objects.create(
            owner=staff, shelter=shelter, url="https://example.org/", secret=encrypt("s")
        ).pk,
        "token_id": ApiToken.objects.create(user=adopter, name="t", digest="d", hint="h").pk,
        "job_id": Job.objects.create(kind="rank", subject="1", queue="batch", state="failed").pk,
        "version_id": version.pk,
        "weights_id": FusionWeights.objects.create(
            weights={}, pairs=1, held_back=1, agreement=0.5, agreement_fixed=0.5, margin=0.1
        ).pk,
        "hint_id": DuplicateHint.objects.get().pk,
        "clip_id": clip_of(draft).pk,
        "kind": "asm3",
        "key": "k",
        "token": "t",
        "section": "dogs",
        "uidb36": "1",
    }


def clip_of(dog):
    files = {
        name: default_storage.save(f"clips/{name}", ContentFile(b"x"))
        for name in ("film", "poster")
    }
    return Clip.objects.create(dog=dog, state=Clip.State.FAILED, **files)


def photo_of(dog):
    return dog.photos.get().pk


def address_of(name, path, things):
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", path).strip("^$")

    def fill(match):
        argument = match[1]
        if argument == "slug" and name == "shelter_facts":
            argument = "shelter slug"
        elif argument == "slug" and name in OF_LISTED_DOGS:
            argument = "public slug"
        elif name == "delete_saved_search":
            argument = "saved_id"
        return str(things[argument])

    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", fill, path)


def answered(client, method, address):
    """The status, and whether it leads to the log-in. Nothing that is done, a log-out included,
    matters to the next."""
    point, cookies = transaction.savepoint(), copy.deepcopy(client.cookies)
    try:
        answer = getattr(client, method)(address)
    finally:
        transaction.savepoint_rollback(point)
        client.cookies = cookies
    status = answer.status_code
    assert status < 500 or status == 503, (address, status)
    to_login = status == 302 and answer["Location"].startswith("/login/")
    return status, to_login or status == 401


def outcome(client, address):
    """What a person is answered: to a GET, or else to the first method that is known there."""
    for method in ("get", *WRITES):
        status, asked = answered(client, method, address)
        if status != 405:
            break
    return LOGIN if asked else {403: REFUSED, 404: GONE}.get(status, IN)


def test_every_cell(people, things):
    _users, clients = people
    wrong = {}
    for name, path in addresses():
        address = address_of(name, path, things)
        found = tuple(outcome(clients[role], address) for role in ROLES)
        if found != RULES.get(RULE_OF.get(name, "")):
            wrong[name] = (RULE_OF.get(name, "no rule"), dict(zip(ROLES, found, strict=True)))
    assert wrong == {}


def test_every_answer_says_what_browsers_and_caches_may_do_with_it(people, things):
    """No page runs anything of another origin or stands in another's frame (but the embedded list),
    and no cache between keeps for all what only some may see."""
    _users, clients = people
    wrong = set()
    asked = 0
    for name, path in addresses():
        address = address_of(name, path, things)
        for role, expected in zip(ROLES, RULES[RULE_OF[name]], strict=True):
            if expected != IN:
                continue
            point, cookies = transaction.savepoint(), copy.deepcopy(clients[role].cookies)
            answer = clients[role].get(address)
            transaction.savepoint_rollback(point)
            clients[role].cookies = cookies
            asked += 1
            headers = answer.headers
            policy = headers.get("Content-Security-Policy", "")
            told = {
                "nosniff": headers.get("X-Content-Type-Options") == "nosniff",
                "frame": name == "embedded" or headers.get("X-Frame-Options") == "DENY",
                "policy": "default-src 'self'" in policy or "default-src 'none'" in policy,
                # Two pages of others' making style by attributes; no page runs inline scripts.
                "inline": "unsafe" not in policy.replace("style-src 'self' 'unsafe-inline'", "")
                if name in ("api:docs", "api:redoc")
                else "unsafe" not in policy,
                "referrer": headers.get("Referrer-Policy") == "same-origin",
                "camera": "microphone=()" in headers.get("Permissions-Policy", ""),
                "shared": RULE_OF[name] == "anybody"
                or "public" not in headers.get("Cache-Control", ""),
                # What depends on who asks says so, or is kept nowhere.
                "varies": role == "visitor"
                or RULE_OF[name] == "anybody"
                or answer.status_code in (301, 302, 405)
                or "no-store" in headers.get("Cache-Control", "")
                or "cookie" in headers.get("Vary", "").lower(),
            }
            wrong |= {(name, what) for what, right in told.items() if not right}
    assert wrong == set()
    assert asked > 400


def test_whom_a_row_is_not_for_cannot_write_it_either(people, things):
    """Whatever the method, and of a listed dog too, which everybody may read."""
    _users, clients = people
    guarded = [
        (role, name, address_of(name, path, things))
        for name, path in addresses()
        for role, expected in zip(ROLES, RULES[RULE_OF[name]], strict=True)
        if expected != IN and (role, name) not in WRITES_ONLY
    ]
    public = things["public slug"]
    photo = Photo.objects.get(dog__slug=public).pk
    strangers = ("visitor", "adopter", "other adopter", "other staff")
    for address in (
        f"/api/v1/dogs/{public}/",
        f"/api/v1/dogs/{public}/photos/",
        f"/api/v1/dogs/{public}/photos/order/",
        f"/api/v1/photos/{photo}/",
        f"/api/v1/photos/{photo}/retry/",
    ):
        guarded += [(role, "a listed dog", address) for role in strangers]
    written = set()
    for role, name, address in guarded:
        for method in WRITES:
            status, asked = answered(clients[role], method, address)
            if not (asked or status in (401, 403, 404, 405)):
                written.add((role, name, method, status))
    assert written == set()
