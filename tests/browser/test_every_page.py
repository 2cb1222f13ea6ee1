"""Every page as people meet it: both languages, phone and desk, light and dark. Nothing is cut off,
nothing breaks WCAG 2.2 AA as far as axe-core sees it, nothing comes from elsewhere."""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request

from benchmarks.installation import Installation
from tests.browser.test_accounts import log_in
from tests.films import film, walk
from tests.stack import patience

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = {
    "desk": {
        "viewport": {"width": 1280, "height": 900},
        "locale": "en-US",
        "color_scheme": "light",
    },
    "phone": {"viewport": {"width": 390, "height": 844}, "locale": "ko-KR", "color_scheme": "dark"},
}

# {dog} is a listed one, {own} one of the staff's, {search} an answered search.
PAGES = {
    "": [
        "/",
        "/?mode=face",
        "/?mode=lost",
        "/?problem=not_an_image",
        "/dogs/",
        "/dogs/?size=l&good_with_cats=yes&unknown=no&near=seoul",
        "/dogs/{dog}/",
        "/dogs/{dog}/similar/",
        "/dogs/{dog}/sheet/",
        "/dogs/{dog}/ask/",
        "/search/{search}/",
        "/search/{search}/compare/{id}/",
        "/favourites/",
        "/saved-searches/",
        "/survey/",
        "/login/",
        "/account/sign-up/",
        "/account/password/forgotten/",
        "/nothing-here/",
    ],
    "staff": [
        "/staff/",
        "/staff/dogs/",
        "/staff/dogs/new/",
        "/staff/dogs/{own}/",
        "/staff/dogs/{own}/changes/",
        "/staff/enquiries/",
        "/staff/members/",
        "/staff/import/",
        "/staff/import/new/asm3/",
        "/staff/import/feeds/{feed}/",
        "/staff/import/feeds/{feed}/edit/",
        "/staff/import/tables/{table}/",
        "/staff/photos/{photo}/crop/",
        "/staff/dogs/{own}/clips/",
        "/staff/clips/{clip}/",
        "/staff/annotate/",
        "/staff/annotate/{photo}/",
        "/account/",
        "/account/address/",
        "/account/password/",
        "/account/two-factor/",
        "/account/tokens/",
        "/account/leave/",
        "/enquiries/",
    ],
    "admin": [
        "/manage/",
        "/manage/charts/",
        "/manage/charts/?span=30d",
        "/manage/jobs/",
        "/manage/jobs/?state=failed",
        "/manage/answers/",
        "/manage/shelters/",
        "/manage/duplicates/",
        "/manage/retention/",
        "/staff/",
    ],
}


@pytest.fixture(params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tab(browser: Browser, live_stack: Installation, look: str) -> Iterator[Callable[[str], Page]]:
    """Opens a tab of a role in this look; the test fails if it asked anything of another server."""
    people, elsewhere = [], []

    def note(request: Request) -> None:
        if request.url.startswith("http") and not request.url.startswith(live_stack.url):
            elsewhere.append(request.url)

    def open_tab(role: str) -> Page:
        person = browser.new_context(
            base_url=live_stack.url, reduced_motion="reduce", **LOOKS[look]
        )
        person.set_default_timeout(15_000)
        people.append(person)
        page = person.new_page()
        page.on("request", note)
        if role:
            log_in(page, *live_stack.logins()[role])
        return page

    yield open_tab
    for person in people:
        person.close()
    assert not elsewhere


def name_of(address: str, role: str, look: str) -> str:
    words = re.sub(r"[^a-z]+", "-", urlsplit(address).path + urlsplit(address).query).strip("-")
    return f"{role or 'visitor'}-{words or 'home'}-{look}.png"


def complaints(page: Page) -> list[str]:
    """What axe-core and the width of the page say against it."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response
    told = [
        f"{rule['id']}: {rule['help']} {[node['target'] for node in rule['nodes']][:3]}"
        for rule in found["violations"]
    ]
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > page.viewport_size["width"]:
        told.append(f"{width} px wide")
    return told


def staffs_own(page: Page, own: str, folder: Path) -> dict[str, str]:
    """A photo, a table that was looked at, a feed and a clip, by their names in PAGES."""
    page.goto(own)
    names = {"photo": page.locator(".tile").first.get_attribute("data-photo")}
    table = folder / "dogs.zip"
    with zipfile.ZipFile(table, "w") as file:
        file.writestr("dogs.csv", "dog,name\ngone,Gone\n")
    page.goto("/staff/import/")
    page.locator("input[name=archive]").set_input_files(table)
    page.locator("main form button").first.click()
    names["table"] = page.url.strip("/").split("/")[-1]
    page.wait_for_selector("#archive .stats")
    page.goto("/staff/import/new/csvzip/")
    page.locator("input[name=name]").fill(f"ours {names['table'][:8]}")
    page.locator("input[name=address]").fill("https://dogs.example/dogs.zip")
    page.locator("select[name=every_hours]").select_option("")
    page.locator("main form button").last.click()
    page.wait_for_selector("#feed")
    names["feed"] = page.url.strip("/").split("/")[-1]
    clip = folder / "clip.webm"
    clip.write_bytes(film([drawing.image for drawing in walk(14)]))
    page.goto(f"{own}clips/")
    page.locator("#clip-film").set_input_files(clip)
    page.locator("[data-by-hand] button").click()
    page.wait_for_selector("#clip [data-controls]:not([hidden])", timeout=60_000 * patience())
    names["clip"] = page.url.strip("/").split("/")[-1]
    return names


@pytest.mark.parametrize("role", PAGES)
def test_every_page(
    tab: Callable[[str], Page],
    role: str,
    look: str,
    drawn_dogs: Path,
    tmp_path: Path,
    pictures: Path,
) -> None:
    page = tab(role)
    names = {}
    if role:
        page.goto("/staff/dogs/")
        own = page.locator(".dog-row .card-title a").first.get_attribute("href")
        names["own"] = own.strip("/").split("/")[-1]
        if role == "staff":
            names |= staffs_own(page, own, tmp_path)
    else:
        page.goto("/dogs/")
        first = page.locator(".card .card-title a").first.get_attribute("href")
        names["dog"] = first.split("?")[0].strip("/").split("/")[-1]
        page.goto("/")
        page.set_input_files("input[name=photo]", min(drawn_dogs.rglob("*.jpg")))
        page.wait_for_selector("#answer[data-state=done]")
        names["search"] = page.url.strip("/").split("/")[-1]
        compare = page.locator("a[href*='/compare/']").first.get_attribute("href")
        names["id"] = compare.split("?")[0].strip("/").split("/")[-1]
    told = {}
    for address in PAGES[role]:
        page.goto(address.format(**names))
        page.wait_for_load_state("networkidle")
        page.screenshot(path=pictures / "pages" / name_of(address, role, look), full_page=True)
        found = complaints(page)
        if found:
            told[address] = found
    assert not told
