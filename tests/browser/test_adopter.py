"""An adopter's journey, with drawn dogs, in front of the running product."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

from benchmarks.installation import Installation
from tests.stack import eventually

DONE = "#answer[data-state=done]"
# The button under the filters names how many dogs they let pass, once that is known.
SHOW = re.compile(r"^Show (\d+ )?dogs?$")
# In place of sending: the form as it would have been sent.
KEEP_FORM = "() => { HTMLFormElement.prototype.submit = function () { window.sent = this; }; }"
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def photo(drawn_dogs: Path) -> Path:
    """A photo of a listed dog: its own dog has to come out first."""
    return min(p for p in drawn_dogs.rglob("*") if p.suffix in {".jpg", ".png", ".webp"})


def fits(page: Page) -> None:
    """Nothing makes the page scroll sideways."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], page.url


def search(page: Page, photo: Path) -> str:
    """Sends a photo from the home page; the address of the answer."""
    page.goto("/")
    page.set_input_files("input[name=photo]", photo)
    page.wait_for_url("**/search/**")
    page.wait_for_selector(DONE)
    return page.url


def sent_files(page: Page) -> int:
    """How many files the form held when it was sent."""
    count = "() => window.sent?.elements.photo.files.length ?? 0"
    return eventually(lambda: page.evaluate(count), within=10, what="the form is sent")


def picture(page: Page, path: Path) -> None:
    """What the page shows, once all photos in sight are there."""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)


def test_from_a_photo_to_a_dog(page: Page, photo: Path, pictures: Path) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".card").first).to_be_visible()
    picture(page, pictures / "home.png")

    address = search(page, photo)
    expect(page.locator(".query-photo img")).to_be_visible()
    assert page.locator(".query-photo .kp").count() > 0
    first = page.locator(".card").first
    expect(first.locator(".likeness-word")).to_have_text("Strong likeness")
    scores = [int(text) for text in page.locator(".card .likeness .number").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)

    first.get_by_role("link", name="Compare").click()
    expect(page.locator(".compare-frame svg.overlay")).to_have_count(2)
    face = page.locator(".kp--face").first
    expect(face).to_be_visible()
    page.get_by_label("face").uncheck()
    expect(face).to_be_hidden()
    expect(page.locator(".kp--box").first).to_be_hidden()
    page.get_by_label("frame").check()
    expect(page.locator(".kp--box").first).to_be_visible()

    page.get_by_role("link", name=re.compile("^Meet ")).click()
    expect(page.get_by_text("Can be adopted")).to_be_visible()
    expect(page.locator(".gallery path.kp").first).to_be_hidden()
    page.get_by_text("Keypoints", exact=True).click()
    expect(page.locator(".gallery path.kp").first).to_be_visible()
    page.locator("#similar").scroll_into_view_if_needed()
    expect(page.locator("#similar .card-title").first).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    picture(page, pictures / "dog.png")

    page.goto(address)
    page.get_by_role("button", name="Delete my photo now").click()
    expect(page.get_by_role("status").first).to_contain_text("Your photo is deleted")
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 404


def test_the_first_page_is_light(page: Page) -> None:
    """At most 150 KB before photos, as they travel."""
    sizes: dict[str, int] = {}

    def weigh(request: Request) -> None:
        path = urlsplit(request.url).path
        if not path.startswith(("/photos/", "/static/examples/")):
            sizes[path] = request.sizes()["responseBodySize"]

    page.on("requestfinished", weigh)
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 8
    assert sum(sizes.values()) <= 150_000, sizes


def test_an_example_is_one_click_away(page: Page, pictures: Path) -> None:
    page.goto("/")
    expect(page.locator(".example")).to_have_count(6)
    page.locator(".example").nth(3).click()
    page.wait_for_selector(DONE)
    expect(page.locator(".card").first).to_be_visible()
    picture(page, pictures / "results.png")
    page.get_by_role("link", name="Compare").first.click()
    expect(page.locator(".compare-frame img")).to_have_count(2)
    picture(page, pictures / "compare.png")


def test_filters_stay_in_the_address_and_can_be_taken_back(page: Page, photo: Path) -> None:
    address = search(page, photo)
    dogs = page.locator(".answer-count")
    everyone = dogs.inner_text()
    page.locator("#filters").evaluate("form => form.closest('details').open = true")
    page.get_by_role("switch").uncheck()
    page.wait_for_url("**?unknown=no")
    page.locator(".filters .choice", has_text="good with children").click()
    page.wait_for_url("**?good_with_children=yes&unknown=no")
    expect(page.locator(".chip--on")).to_have_count(2)
    expect(page.locator(DONE)).to_be_visible()
    assert dogs.inner_text() != everyone

    page.reload()
    expect(page.locator(".chip--on")).to_have_count(2)
    page.go_back()
    page.wait_for_url("**?unknown=no")
    expect(page.locator(".chip--on")).to_have_count(1)
    page.locator(".chip--on").click()
    page.wait_for_url(address)
    expect(page.locator(DONE)).to_be_visible()
    expect(dogs).to_have_text(everyone)


def test_a_dropped_photo_is_shown_before_it_is_sent(page: Page, photo: Path) -> None:
    page.goto("/")
    page.evaluate(KEEP_FORM)
    data = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "dog", {type: "image/jpeg"}));
            return transfer;
        }""",
        list(photo.read_bytes()),
    )
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page.locator("[data-preview] img")).to_be_visible()
    assert page.locator("[data-preview] img").get_attribute("src").startswith("blob:")
    assert sent_files(page) == 1


def test_a_large_photo_is_made_smaller_before_it_leaves(page: Page) -> None:
    page.goto("/")
    page.evaluate(KEEP_FORM)
    page.evaluate(
        """async () => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [3000, 2000];
            const context = canvas.getContext("2d");
            const noise = context.createImageData(3000, 2000);
            for (let i = 0; i < noise.data.length; i += 65536) {
                crypto.getRandomValues(noise.data.subarray(i, i + 65536));
            }
            context.putImageData(noise, 0, 0);
            const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
            const transfer = new DataTransfer();
            transfer.items.add(new File([blob], "large.png", {type: "image/png"}));
            const paste = new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
            document.body.dispatchEvent(paste);
        }"""
    )
    assert sent_files(page) == 1
    size = page.evaluate(
        """async () => {
            const bitmap = await createImageBitmap(window.sent.elements.photo.files[0]);
            return [bitmap.width, bitmap.height];
        }"""
    )
    assert size == [1600, 1067]


def test_what_is_no_photo_is_refused_in_place(page: Page, tmp_path: Path) -> None:
    page.goto("/")
    file = tmp_path / "notes.jpg"
    file.write_text("not a photo")
    page.set_input_files("input[name=photo]", file)
    expect(page.get_by_role("alert")).to_contain_text("This file is not a photo.")
    expect(page.get_by_text("Choose a photo")).to_be_visible()


def test_a_photo_without_a_dog_leads_to_another_try(
    page: Page, photo: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "wall.png"
    Image.new("RGB", (640, 480), "#b9c4cc").save(empty)
    page.goto("/")
    page.set_input_files("input[name=photo]", empty)
    expect(page.get_by_role("alert")).to_contain_text("We couldn't find a dog")
    page.set_input_files("input[name=photo]", photo)
    page.wait_for_selector(DONE)


def test_without_a_script_everything_is_found_too(
    browser: Browser, live_stack: Installation, photo: Path
) -> None:
    person = browser.new_context(base_url=live_stack.url, java_script_enabled=False)
    page = person.new_page()
    page.goto("/")
    page.set_input_files("input[name=photo]", photo)
    page.get_by_role("button", name="Find similar dogs").click()
    expect(page.locator(DONE)).to_be_visible(timeout=15_000)
    page.locator("summary", has_text="Filters").click()
    page.locator(".filters .choice", has_text="house-trained").click()
    page.get_by_role("button", name=SHOW).click()
    expect(page.locator(".chip--on")).to_contain_text("house-trained")
    expect(page.locator(DONE)).to_be_visible(timeout=15_000)
    person.close()


def test_on_a_phone_nothing_is_cut_off(context: BrowserContext, page: Page, photo: Path) -> None:
    page.set_viewport_size(PHONE)
    page.goto("/")
    fits(page)
    search(page, photo)
    fits(page)
    page.locator("summary", has_text="Filters").click()
    expect(page.get_by_role("button", name=SHOW)).to_be_in_viewport()
    fits(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=SHOW)).to_be_hidden()
    page.get_by_role("link", name="Compare").first.click()
    fits(page)
    page.get_by_role("link", name=re.compile("^Meet ")).click()
    fits(page)
    page.goto("/dogs/")
    fits(page)


def test_by_keyboard_alone(page: Page, photo: Path) -> None:
    # Catching choosers takes the browser a moment to begin. A listener from the start makes it
    # begin before the key is pressed; without one, the press may open a real chooser instead.
    page.on("filechooser", lambda _: None)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    for mode in ("A dog I like", "Looks like me", "My lost dog"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=mode)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("input[name=photo]")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(photo)
    page.wait_for_selector(DONE)
    # On to the likest dog, and with a question to its shelter.
    best = page.locator(".card-title a").first
    name = best.inner_text()
    tab_to(page, best)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    tab_to(page, page.get_by_role("link", name=f"Ask about {name}"))
    page.keyboard.press("Enter")
    for label, words in (
        ("Your message", "May I come on Sunday?"),
        ("Your name", "Jiho"),
        ("Your e-mail address", "keyboard@example.org"),
    ):
        tab_to(page, page.get_by_label(label))
        page.keyboard.type(words)
    tab_to(page, page.get_by_role("button", name="Send my question"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("open the link in the e-mail")


def tab_to(page: Page, wanted: Locator) -> None:
    """Presses Tab until it has the focus."""
    expect(wanted).to_be_visible()
    for _ in range(150):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {wanted}")
