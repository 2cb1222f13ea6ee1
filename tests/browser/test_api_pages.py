"""What other sites and developers see: the embedded list, the schema's pages, links of e-mails."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from benchmarks.installation import Installation
from tests.portal.feeds.servers import serving


@pytest.fixture
def other_site(live_stack: Installation):
    """A page of somebody else with our tag in it."""
    tag = f'<script src="{live_stack.url}/embed.js" data-lang="ko" data-limit="4" async></script>'
    page = f'<!doctype html><html lang="en"><title>Other</title><h1>Other site</h1>{tag}</html>'
    with serving(lambda request: (200, {"Content-Type": "text/html"}, page.encode())) as server:
        yield server


@pytest.mark.parametrize("width", [390, 1280])
def test_dogs_on_another_site(
    page: Page, context: BrowserContext, other_site, pictures: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(other_site.address)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("listitem")).to_have_count(4)
    expect(page.locator("iframe")).to_have_attribute("title", "입양할 수 있는 강아지")
    # The frame is as high as its list, and neither scrolls sideways.
    expect(page.locator("iframe")).not_to_have_css("height", "480px")
    inside = page.frames[1]
    assert inside.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (
        abs(
            inside.evaluate("document.documentElement.getBoundingClientRect().height")
            - page.locator("iframe").bounding_box()["height"]
        )
        <= 1
    )
    for photo in frame.locator("img").all():
        photo.scroll_into_view_if_needed()
        expect(photo).to_have_js_property("complete", True)
    page.screenshot(path=pictures / "pages" / f"embedded-{width}.png", full_page=True)
    assert context.cookies() == []
    with context.expect_page() as opened:
        frame.get_by_role("link").first.click()
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("path", ["docs", "redoc"])
def test_the_schemas_pages_need_nobody_else(
    context: BrowserContext, live_stack: Installation, pictures: Path, path: str
) -> None:
    # Redoc names a picture of its makers, which the content policy stops: nothing goes out.
    page = context.new_page()
    answered: list[str] = []
    page.on("requestfinished", lambda request: answered.append(request.url))
    page.goto(f"/api/v1/{path}/")
    expect(page.get_by_text("similar-dog").first).to_be_visible(timeout=30_000)
    outside = [url for url in answered if not url.startswith((live_stack.url, "data:", "blob:"))]
    assert outside == []
    page.screenshot(path=pictures / "pages" / f"api-{path}.png")


def test_a_dogs_page_may_carry_its_data(page: Page) -> None:
    """`page` fails where the content policy blocks something."""
    page.goto("/dogs/")
    page.locator(".card-title a").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    data = page.locator('script[type="application/ld+json"]').text_content()
    assert '"AnimalShelter"' in str(data)


def test_links_of_emails_that_are_old(page: Page, pictures: Path) -> None:
    page.goto("/saved-searches/confirm/?token=old")
    expect(page.get_by_role("heading", name="This didn't work")).to_be_visible()
    expect(page.get_by_text(re.compile("not valid any more"))).to_be_visible()
    page.screenshot(path=pictures / "pages" / "link-old.png")
