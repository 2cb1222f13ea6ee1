"""Logging in: where each role begins, what a wrong password says."""

import pytest
from django.urls import reverse

from portal.accounts.models import User
from portal.dogs.services import create_dog
from portal.shelters.services import add_member
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def users(shelter):
    staff = User.objects.create_user("staff@example.org", "secret")
    add_member(shelter=shelter, user=staff)
    User.objects.create_user("adopter@example.org", "secret")
    User.objects.create_superuser("admin@example.org", "secret")


def log_in(client, email, password="secret", **more):
    return client.post(reverse("login"), {"login": email, "password": password, **more})


@pytest.mark.parametrize(
    ("email", "view"),
    [
        ("staff@example.org", "staff:home"),
        ("STAFF@example.org", "staff:home"),
        ("adopter@example.org", "home"),
        ("admin@example.org", "manage:overview"),
    ],
)
def test_each_role_begins_at_its_own_page(client, users, email, view):
    answer = log_in(client, email)
    assert answer.status_code == 302
    assert answer["Location"] == reverse(view)


def test_the_page_that_was_asked_for_comes_first(client, users):
    asked = reverse("staff:dog_new")
    address = client.get(asked)["Location"]
    assert address == f"{reverse('login')}?next={asked}"
    assert log_in(client, "staff@example.org", next=asked)["Location"] == asked


def test_nobody_is_sent_to_another_site(client, users):
    answer = log_in(client, "staff@example.org", next="https://elsewhere.example/")
    assert answer["Location"] == reverse("staff:home")


@pytest.mark.parametrize("email", ["staff@example.org", "nobody@example.org"])
def test_a_wrong_password_tells_nothing_about_the_address(client, users, email):
    answer = log_in(client, email, password="wrong")
    assert answer.status_code == 200
    assert "belong together" in answer.content.decode()


def test_the_navigation_shows_what_the_role_can_do(client, users):
    def links():
        text = client.get(reverse("login"), follow=True).content.decode()
        return [view for view in ("staff:home", "manage:overview") if f'"{reverse(view)}"' in text]

    found = {}
    for email in ("staff@example.org", "adopter@example.org", "admin@example.org"):
        client.login(username=email, password="secret")
        found[email.partition("@")[0]] = links()
    assert found == {
        "staff": ["staff:home"],
        "adopter": [],
        "admin": ["staff:home", "manage:overview"],
    }


def test_logging_out_needs_a_post(client, users):
    client.login(username="staff@example.org", password="secret")
    assert client.get(reverse("logout")).status_code == 405
    client.post(reverse("logout"))
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("model", ["accounts/user", "shelters/shelter", "dogs/dog", "jobs/job"])
def test_raw_rows_are_for_admins(client, users, shelter, model):
    create_dog(shelter=shelter, by=None, fields={"name": "Bori"}, photos=[upload()])
    address = f"/admin/{model}/"
    client.login(username="staff@example.org", password="secret")
    assert client.get(address).status_code == 302
    client.login(username="admin@example.org", password="secret")
    assert client.get(address).status_code == 200


def test_an_admin_can_add_a_person_but_not_a_dog(client, users):
    client.login(username="admin@example.org", password="secret")
    assert client.get("/admin/dogs/dog/add/").status_code == 403
    data = {
        "email": "new@example.org",
        "usable_password": "true",
        "password1": "a-long-secret-7",
        "password2": "a-long-secret-7",
    }
    client.post("/admin/accounts/user/add/", data)
    assert User.objects.get(email="new@example.org").check_password("a-long-secret-7")
