"""Every string has its Korean, and Korean pages are Korean."""

import io
import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings as django_settings
from django.test import Client
from django.utils.translation import override
from django.utils.translation.template import templatize

from portal.accounts.models import User
from portal.dogs.models import Breed, Colour
from portal.jobs.messages import SENTENCES
from portal.matching.choices import Choices
from portal.matching.filters import Filters
from portal.shelters.services import add_member

ROOT = django_settings.BASE_DIR
KOREAN = ROOT / "locale/ko/LC_MESSAGES/django.po"

SINGULAR, PLURAL = (1,), (1, 2)
IN_CONTEXT, PLURAL_IN_CONTEXT = ((1, "c"), 2), ((1, "c"), 2, 3)
KEYWORDS = {
    "_": SINGULAR,
    "gettext": SINGULAR,
    "gettext_lazy": SINGULAR,
    "gettext_noop": SINGULAR,
    "ngettext": PLURAL,
    "ngettext_lazy": PLURAL,
    "pgettext": IN_CONTEXT,
    "pgettext_lazy": IN_CONTEXT,
    "npgettext": PLURAL_IN_CONTEXT,
    "npgettext_lazy": PLURAL_IN_CONTEXT,
}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|\{\w+\}")
HANGUL = re.compile(r"[가-힣]")


def sources():
    """Python as it is; templates as Django turns them into calls of gettext."""
    for folder in ("portal", "workers"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path, path.read_text()
    for path in [*(ROOT / "templates").rglob("*.html"), *(ROOT / "templates").rglob("*.txt")]:
        calls = templatize(path.read_text(), origin=str(path))
        # What stood around the tags is blotted out; its indentation is not Python's.
        yield path, "\n".join(line.strip() for line in calls.splitlines())


def wanted():
    """(context, message) → its plural, or None; what the sources ask to be translated."""
    found = {}
    for _path, text in sources():
        for _line, message, _comments, context in extract(
            "python", io.BytesIO(text.encode()), KEYWORDS
        ):
            single, plural = message if isinstance(message, tuple) else (message, None)
            found[context, single] = plural or found.get((context, single))
    return found


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with KOREAN.open("rb") as file:
        return read_po(file, locale="ko", abort_invalid=True)


def entries(catalogue):
    for message in catalogue:
        if message.id:
            single = message.id[0] if message.pluralizable else message.id
            yield message, single


def test_the_sources_are_read():
    found = wanted()
    assert (None, "We couldn't find a dog in this photo. Try one where its face is clear.") in found
    assert ("answer", "yes") in found
    assert found[None, "%(counter)s dog"] == "%(counter)s dogs"
    assert (None, "%(percent)s %% sure") in found


def test_every_string_has_its_korean_and_no_korean_is_left_over(catalogue):
    """Mend it with `manage.py makemessages`, see CONTRIBUTING.md."""
    known = {
        (message.context, single): message.id[1] if message.pluralizable else None
        for message, single in entries(catalogue)
        if all(message.string if message.pluralizable else [message.string])
    }
    needed = wanted()
    assert {"missing": needed.keys() - known.keys(), "unused": known.keys() - needed.keys()} == {
        "missing": set(),
        "unused": set(),
    }
    assert known == needed
    assert not catalogue.obsolete
    assert [single for message, single in entries(catalogue) if message.fuzzy] == []
    assert catalogue.num_plurals == 1


def test_placeholders_are_intact(catalogue):
    broken = [
        (single, string)
        for message, single in entries(catalogue)
        for string in (message.string if message.pluralizable else [message.string])
        if sorted(PLACEHOLDER.findall(string)) != sorted(PLACEHOLDER.findall(single))
    ]
    assert broken == []


def test_no_particle_hangs_on_a_placeholder(catalogue):
    """은/는, 이/가, 을/를, 과/와, (으)로 depend on the sound before them, which is not known."""
    particle = re.compile(r"(?:\)[sd]|\})[”’]?(?:은|는|이|가|을|를|과|와|으로|로)(?=[\s.,]|$)")
    hanging = [
        message.string
        for message, _single in entries(catalogue)
        if particle.search("".join(message.string))
    ]
    assert hanging == []


def test_sentences_are_in_haeyo_style(catalogue):
    """None ends in 다, neither 합니다 nor 한다."""
    formal = re.compile(r"다(?:[.!]|$)")
    assert [m.string for m, _s in entries(catalogue) if formal.search("".join(m.string))] == []


@pytest.fixture
def korean(catalogue, tmp_path, settings):
    """A client that asks for Korean, answered from the catalogue as it is in the sources."""
    folder = tmp_path / "locale/ko/LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "django.mo").open("wb") as file:
        write_mo(file, catalogue)
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    return Client(headers={"accept-language": "ko-KR,ko;q=0.9,en;q=0.5"})


ENGLISH = ("Log in", "All dogs", "Filters", "shelter", "photo ", "likeness", "male", "kg and")


def words(response):
    """What a person reads or hears of a page."""
    html = response.content.decode()
    html = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.S)
    heard = re.findall(r'(?:aria-label|alt|placeholder|title)="([^"]*)"', html)
    return re.sub(r"<[^>]+>", " ", html) + " ".join(heard)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/", "마음에 드는 강아지"),
        ("/login/", "비밀번호"),
        ("/dogs/", "오늘 입양할 수 있는 강아지"),
        ("/staff/dogs/", "강아지 등록"),
        ("/staff/dogs/new/", "아이와 잘 지냄"),
        ("/no-such-page/", "페이지를 찾을 수 없어요"),
    ],
)
def test_korean_pages_are_korean(korean, address, says, make_dog, shelter):
    make_dog("보리", photos=1, sex="male", weight_kg="4.5", colours=[Colour.WHITE])
    make_dog("초코", publish=False)
    if address.startswith("/staff/"):
        user = User.objects.create_user("직원@example.org", "secret")
        add_member(user=user, shelter=shelter)
        korean.force_login(user)
    response = korean.get(address)
    shown = words(response)
    assert '<html lang="ko">' in response.content.decode()
    assert says in shown
    assert [word for word in ENGLISH if word in shown] == []
    assert "Accept-Language" in response.headers["Vary"]


@pytest.mark.usefixtures("korean")
def test_refusals_are_korean():
    with override("ko"):
        english = [code for code, sentence in SENTENCES.items() if not HANGUL.search(str(sentence))]
    assert english == []


@pytest.mark.django_db
def test_a_breed_has_its_korean_name(korean, make_dog):
    jindo = Breed.objects.get(slug="jindo-dog")
    Breed.objects.create(slug="rare", name_en="Rare Hound")
    dog = make_dog(breeds=[jindo, Breed.objects.get(slug="rare")])
    with override("en"):
        assert str(jindo) == jindo.name_en
    with override("ko"):
        labels = [str(option.label) for option in Choices(Filters()).breeds]
        assert labels == ["믹스견", "Rare Hound", "진돗개"]
        assert Filters(breed=("jindo-dog",)).active()[0].value == "진돗개"
    assert "진돗개" in words(korean.get(f"/dogs/{dog.slug}/"))


@pytest.mark.django_db
def test_the_footer_changes_the_language_and_stays_on_the_page(korean):
    page = korean.get("/dogs/").content.decode()
    assert re.search(r'name="language" value="ko" lang="ko" aria-current="true">한국어<', page)
    assert re.search(r'name="language" value="en" lang="en">English<', page)
    response = korean.post(
        "/i18n/setlang/",
        {"language": "en"},
        headers={"referer": "http://testserver/dogs/?sex=male"},
    )
    assert response.headers["Location"] == "http://testserver/dogs/?sex=male"
    page = korean.get("/dogs/")
    assert '<html lang="en">' in page.content.decode()
    assert "Dogs that can be adopted today" in words(page)
