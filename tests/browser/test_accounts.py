"""Accounts in front of the running product: a visitor becomes a user, a colleague is invited, an
adopter asks and a shelter answers."""

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.installation import Installation
from tests.stack import eventually

PHONE = {"width": 390, "height": 844}
SECRET = "a-long-secret-7"


@pytest.fixture
def people(browser: Browser, live_stack: Installation) -> Iterator[Callable[..., Page]]:
    """Opens a tab of a person of their own, on a phone or a desk; logged in if a role is named."""
    opened = []

    def open_tab(role: str = "", *, phone: bool = False, locale: str = "en-US") -> Page:
        person = browser.new_context(
            base_url=live_stack.url,
            locale=locale,
            viewport=PHONE if phone else {"width": 1280, "height": 900},
        )
        person.set_default_timeout(15_000)
        opened.append(person)
        tab = person.new_page()
        if role:
            log_in(tab, *live_stack.logins()[role])
        return tab

    yield open_tab
    for person in opened:
        person.close()


def log_in(page: Page, address: str, password: str) -> None:
    page.goto("/login/")
    page.locator("input[name=login]").fill(address)
    page.locator("input[name=password]").fill(password)
    page.locator("main form button").click()
    expect(page.locator(".nav-link[href='/account/']")).to_be_visible()


def letter_to(stack: Installation, address: str, subject: str) -> str:
    """The text of the newest e-mail in the outbox to this address with this subject."""

    def find() -> str:
        for path in sorted((stack.data / "outbox").iterdir(), reverse=True):
            found = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if found["To"] == address and found["Subject"] == subject:
                return str(found.get_body(("plain",)).get_content())
        return ""

    return eventually(find, within=20, what=f"{subject} to {address}")


def link(letter: str) -> str:
    return re.search(r"https?://[^/\s]+(/\S+)", letter)[1]


def fits(page: Page) -> None:
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], page.url


def test_a_visitor_makes_an_account_and_keeps_what_they_kept(
    people: Callable[..., Page], live_stack: Installation, pictures: Path
) -> None:
    page = people(phone=True)
    page.goto("/dogs/")
    page.locator(".card [aria-pressed=false]").first.click()
    expect(page.locator(".card [aria-pressed=true]")).to_have_count(1)
    page.get_by_role("link", name="Log in").click()
    fits(page)
    page.screenshot(path=pictures / "pages" / "login.png")
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Name").fill("Sora")
    page.get_by_label("E-mail address").fill("sora@example.org")
    page.get_by_label("Password").fill(SECRET)
    fits(page)
    page.screenshot(path=pictures / "pages" / "sign-up.png")
    page.locator("main form button").click()
    fits(page)
    page.goto(link(letter_to(live_stack, "sora@example.org", "Is this your address?")))
    fits(page)
    page.screenshot(path=pictures / "pages" / "prove.png")
    page.locator("main form button").click()
    page.goto("/favourites/")
    expect(page.locator(".card")).to_have_count(1)
    page.goto("/account/")
    fits(page)
    page.screenshot(path=pictures / "pages" / "account.png")


def test_a_question_about_a_dog_and_its_answer(
    people: Callable[..., Page], live_stack: Installation, pictures: Path
) -> None:
    adopter, staff = people(phone=True), people("staff", phone=True)
    staff.goto("/staff/dogs/?status=available")
    staff.locator(".card-title a").first.click()
    staff.get_by_role("link", name="See the public page").click()
    adopter.goto(staff.url)
    adopter.get_by_role("link", name=re.compile("^Ask about")).click()
    adopter.get_by_label("Your message").fill("Does this dog like long walks?")
    adopter.get_by_label("Your name").fill("Jiho")
    adopter.get_by_label("Your e-mail address").fill("jiho@example.org")
    fits(adopter)
    adopter.screenshot(path=pictures / "ask.png", full_page=True)
    adopter.get_by_role("button", name="Send my question").click()
    expect(adopter.get_by_role("status").first).to_contain_text("open the link in the e-mail")
    name = adopter.get_by_role("heading", level=1).inner_text()
    letter = letter_to(live_stack, "jiho@example.org", f"Send your question about {name}?")
    adopter.goto(link(letter))
    adopter.get_by_role("button", name="Send my question").click()
    expect(adopter.get_by_role("heading", level=1)).to_have_text("Your question is sent")

    staff.goto("/staff/")
    expect(staff.get_by_role("link", name=f"Jiho about {name}")).to_be_visible()
    staff.get_by_role("link", name="Questions 1 new").click()
    fits(staff)
    staff.screenshot(path=pictures / "inbox.png")
    staff.get_by_role("link", name=f"Jiho about {name}").click()
    staff.get_by_label("Your message").fill("Two hours a day, please.")
    staff.get_by_role("button", name="Send the answer").click()
    expect(staff.get_by_role("status").first).to_contain_text("on its way to Jiho")
    fits(staff)
    staff.screenshot(path=pictures / "conversation.png")

    shelter = staff.locator(".message--own .small").last.inner_text().split(" · ")[0]
    letter = letter_to(live_stack, "jiho@example.org", f"{shelter} answers about {name}")
    adopter.goto(link(letter))
    expect(adopter.get_by_text("Two hours a day, please.")).to_be_visible()
    fits(adopter)
    adopter.screenshot(path=pictures / "pages" / "answered.png")
    adopter.get_by_label("Your message").fill("Then on Sunday?")
    adopter.get_by_role("button", name="Send", exact=True).click()
    expect(adopter.get_by_text("sent to the shelter")).to_be_visible()
    # Going back and loading anew sends nothing again.
    adopter.reload()
    expect(adopter.get_by_text("Then on Sunday?")).to_have_count(1)


def test_a_colleague_is_invited(
    people: Callable[..., Page], live_stack: Installation, pictures: Path
) -> None:
    staff, colleague = people("staff"), people(locale="ko-KR", phone=True)
    staff.goto("/staff/members/")
    staff.get_by_label("E-mail address").fill("haneul@example.org")
    staff.get_by_role("button", name="Send the invitation").click()
    expect(staff.get_by_text("haneul@example.org", exact=True)).to_be_visible()
    staff.screenshot(path=pictures / "members.png")
    shelter = staff.locator("h2").first.inner_text()
    letter = letter_to(live_stack, "haneul@example.org", f"Work for {shelter} on Pawkin")
    colleague.goto(link(letter))
    fits(colleague)
    colleague.locator("input[name=name]").fill("하늘")
    colleague.locator("input[name=password]").fill(SECRET)
    colleague.screenshot(path=pictures / "pages" / "invitation.png")
    colleague.locator("main form button").click()
    expect(colleague.get_by_role("heading", level=1)).to_have_text(shelter)
    fits(colleague)
    colleague.screenshot(path=pictures / "pages" / "staff-start-ko.png")
