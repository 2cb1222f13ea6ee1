"""The ways of the three kinds of people once more, in Korean."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.installation import Installation
from tests.browser.test_accounts import letter_to, link
from tests.browser.test_staff import fits, photo  # noqa: F401

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
SOON = 30_000


@pytest.fixture
def tab(browser: Browser, live_stack: Installation) -> Iterator[Callable[..., Page]]:
    people = []

    def open_tab(role: str = "", viewport: dict[str, int] = PHONE) -> Page:
        person = browser.new_context(
            base_url=live_stack.url, locale="ko-KR", viewport=viewport, timezone_id="Asia/Seoul"
        )
        person.set_default_timeout(15_000)
        people.append(person)
        page = person.new_page()
        if role:
            address, password = live_stack.logins()[role]
            page.goto("/login/")
            page.get_by_label("이메일").fill(address)
            page.get_by_label("비밀번호", exact=True).fill(password)
            page.get_by_role("button", name="로그인").click()
            expect(page.get_by_role("link", name="내 계정")).to_be_visible()
        return page

    yield open_tab
    for person in people:
        person.close()


def looked_at(page: Page, pictures: Path, name: str, size: str) -> None:
    """The whole page for those who look at the run; its first screen on a phone for the guides."""
    fits(page)
    assert page.locator("html").get_attribute("lang") == "ko"
    page.wait_for_load_state("networkidle")
    page.screenshot(path=pictures / "pages" / f"ko-{name}-{size}.png", full_page=True)
    if size == "phone":
        page.screenshot(path=pictures / f"ko-{name}.png")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_an_adopter(
    tab: Callable[..., Page],
    live_stack: Installation,
    photo: Path,  # noqa: F811
    pictures: Path,
    viewport: dict[str, int],
) -> None:
    page = tab(viewport=viewport)
    size = "phone" if viewport is PHONE else "desk"
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("강아지")
    looked_at(page, pictures, "home", size)
    page.set_input_files("input[name=photo]", photo)
    page.wait_for_selector("#answer[data-state=done]", timeout=SOON)
    looked_at(page, pictures, "results", size)
    best = page.locator(".card-title a").first
    name = best.inner_text()
    best.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("heading", name="성격")).to_be_visible()
    looked_at(page, pictures, "dog", size)
    page.locator(".dog-facts a[href*='/ask/']").click()
    page.get_by_label("메시지").fill("일요일에 가도 될까요?")
    page.get_by_label("이름").fill("지호")
    page.get_by_label("이메일").fill(f"ko-{size}@example.org")
    looked_at(page, pictures, "ask", size)
    page.locator("main form button").last.click()
    expect(page.get_by_role("status").first).to_be_visible()
    letter = letter_to(live_stack, f"ko-{size}@example.org", f"{name}에 대한 질문을 보낼까요?")
    page.goto(link(letter))
    page.locator("main form button").first.click()
    looked_at(page, pictures, "asked", size)
    # The breed's Korean and romanised names find the same dogs.
    found = []
    for words in ("진돗개", "Jindo"):
        page.goto("/dogs/")
        page.locator(".filters > summary").click()
        page.get_by_label("이름이나 견종").fill(words)
        page.get_by_label("이름이나 견종").press("Enter")
        page.wait_for_url("**q=**")
        expect(page.locator(".chip--on", has_text=words)).to_be_visible()
        found.append(page.locator(".card-title").all_inner_texts())
    assert found[0] == found[1] != []


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_shelter(
    tab: Callable[..., Page],
    photo: Path,  # noqa: F811
    pictures: Path,
    viewport: dict[str, int],
) -> None:
    page = tab("staff", viewport)
    size = "phone" if viewport is PHONE else "desk"
    looked_at(page, pictures, "staff", size)
    page.goto("/staff/dogs/new/")
    page.locator("input[name=photos]").set_input_files(photo)
    page.locator("#id_name").fill(f"별이 {size}")
    looked_at(page, pictures, "new-dog", size)
    page.get_by_role("button", name="이 강아지 등록하기").or_(
        page.locator("button[value=publish]")
    ).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"별이 {size}")
    expect(page.locator(".tile .state--ok")).to_be_visible(timeout=SOON)
    looked_at(page, pictures, "staff-dog", size)
    for path, name in (("/staff/import/", "import"), ("/staff/enquiries/", "inbox")):
        page.goto(path)
        looked_at(page, pictures, name, size)
    page.goto(f"/staff/dogs/?q=별이 {size}")
    page.locator(".card-title a").first.click()
    page.locator("button[name=status][value=withdrawn]").click()
    expect(page.get_by_role("status").first).to_be_visible()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_an_admin(tab: Callable[..., Page], pictures: Path, viewport: dict[str, int]) -> None:
    page = tab("admin", viewport)
    size = "phone" if viewport is PHONE else "desk"
    for path, name in (
        ("/manage/", "manage"),
        ("/manage/charts/", "charts"),
        ("/manage/answers/", "answers"),
        ("/manage/duplicates/", "duplicates"),
        ("/manage/retention/", "retention"),
    ):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_have_text("관리")
        looked_at(page, pictures, name, size)
    page.locator("#id_query_hours").fill("99")
    page.locator("main form button").first.click()
    expect(page.get_by_text("1에서 24 사이여야 해요.")).to_be_visible()
