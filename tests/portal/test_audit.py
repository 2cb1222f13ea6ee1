"""What somebody did is on record, whom it concerns is a number, and nobody can change it."""

from datetime import timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from portal.accounts import audit
from portal.accounts.models import AuditEvent, User
from portal.api.purging import purge_expired
from portal.api.services import create_token, revoke_token
from portal.matching import services
from portal.shelters.models import Membership
from portal.shelters.services import accept_invitation, add_member, invite_member, remove_member
from tests.histogram import spec

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    return User.objects.create_superuser("admin@example.org", "secret")


def told():
    return [(event.action, event.by and event.by.email) for event in AuditEvent.objects.all()][::-1]


def log_in(client, email, password="secret"):
    return client.post(reverse("login"), {"login": email, "password": password})


def test_log_ins_and_what_failed(client, staff):
    answer = log_in(client, staff.email)
    client.logout()
    log_in(client, staff.email, "wrong")
    log_in(client, "nobody@example.org", "wrong")
    assert told() == [
        ("logged_in", staff.email),
        ("login_failed", None),
    ]
    first, last = AuditEvent.objects.last(), AuditEvent.objects.first()
    assert first.request == answer["X-Request-ID"]
    assert last.about == f"user {staff.pk}"


def test_members_come_and_go(client, shelter, staff, admin):
    add_member(shelter=shelter, user=staff)
    add_member(shelter=shelter, user=staff)
    invitation = invite_member(shelter=shelter, email=admin.email, by=staff, language="en")
    accept_invitation(invitation=invitation, user=admin)
    remove_member(membership=Membership.objects.get(user=staff), by=admin)
    assert told() == [
        ("member_added", None),
        ("invited", staff.email),
        ("member_added", staff.email),
        ("member_removed", admin.email),
    ]
    everything = " ".join(AuditEvent.objects.values_list("about", flat=True))
    assert "@" not in everything
    assert f"user {staff.pk}, {shelter.slug}" in everything


def test_tokens(staff):
    token, secret = create_token(user=staff, name="script", scopes=["write"])
    revoke_token(token=token)
    revoke_token(token=token)
    assert told() == [("token_made", staff.email), ("token_revoked", staff.email)]
    assert secret not in " ".join(AuditEvent.objects.values_list("about", flat=True))


def test_models_and_retention(admin, version):
    services.register_specs(specs=[spec(), spec("starter-mirror", "b")], default="starter")
    built = services.request_reindex(version_name="starter-mirror", by=admin)
    services.cancel_reindex(version=built, by=admin)
    services.activate_version(version=built, by=admin)
    services.set_retention(query_hours=12, saved_search_days=30, predictions_days=30, by=admin)
    actions = ["reindex_begun", "reindex_cancelled", "version_activated", "retention_set"]
    assert told()[-4:] == [(action, admin.email) for action in actions]


def test_a_copy_and_an_end_of_an_account(client, staff, admin):
    client.force_login(staff)
    client.get(reverse("export"))
    assert told() == [("account_exported", staff.email)]
    number = staff.pk
    client.post(reverse("leave"), {"password": "secret"})
    assert told() == [("account_exported", None), ("account_erased", None)]
    assert AuditEvent.objects.get(action="account_erased").about == f"user {number}"


def test_backups(tmp_path, media):
    call_command("backup", tmp_path / "pawkin.tar")
    assert told() == [("backup_made", None)]


def test_they_are_kept_a_year(staff):
    audit.note(action="logged_in", by=staff)
    with time_machine.travel(timezone.now() + timedelta(days=364)):
        assert purge_expired()["audit_events"] == 0
    with time_machine.travel(timezone.now() + timedelta(days=366)):
        assert purge_expired()["audit_events"] == 1


def test_admins_read_them_and_change_nothing(client, admin, staff):
    audit.note(action="logged_in", by=staff)
    event = AuditEvent.objects.get()
    client.force_login(admin)
    rows = client.get(reverse("admin:accounts_auditevent_changelist"))
    assert staff.email in rows.content.decode()
    change = reverse("admin:accounts_auditevent_change", args=[event.pk])
    assert client.post(change, {"about": "nothing"}).status_code == 403
    assert client.get(reverse("admin:accounts_auditevent_add")).status_code == 403
    delete = reverse("admin:accounts_auditevent_delete", args=[event.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert AuditEvent.objects.get() == event
