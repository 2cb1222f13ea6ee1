"""What people agreed to is known later: the version of the words is kept with what they sent."""

import hashlib
import html

import pytest
from django.urls import reverse
from django.utils.translation import override

from portal.matching.consent import DESCRIPTION, FACE
from portal.matching.models import Query
from tests.portal.uploads import upload

pytestmark = pytest.mark.django_db

# The beginning of the words' SHA-256 in English and Korean. Other words need another version: add a
# line, and leave the old ones as they are.
WORDS = {
    ("face", "2026-11"): "908b881bb3404d79",
    ("face", "2026-12"): "9f3b217d31616a89",
    ("description", "2026-11"): "47edc1ce3dd22e50",
}


@pytest.mark.parametrize(("name", "consent"), [("face", FACE), ("description", DESCRIPTION)])
def test_other_words_are_another_version(name, consent):
    said = []
    for language in ("en", "ko"):
        with override(language):
            said.append(str(consent.words))
    assert len(set(said)) == 2
    digest = hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]
    assert WORDS.get((name, consent.version)) == digest


def test_the_box_says_them(client):
    page = client.get(f"{reverse('home')}?mode=face").content.decode()
    assert html.escape(str(FACE.words)) in page


@pytest.mark.parametrize(("mode", "kept"), [("face", FACE.version), ("like", ""), ("lost", "")])
def test_the_version_is_kept_with_a_face_and_with_nothing_else(client, version, mode, kept):
    client.post(reverse("search"), {"photo": upload(), "mode": mode, "consent": "yes"})
    assert Query.objects.get().consent == kept
