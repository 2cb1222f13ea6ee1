"""Shelter staff: from a phone's photo to a dog that an adopter finds."""

import base64
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, Route, expect

from benchmarks.installation import Installation
from tests.films import walk
from tests.stack import patience

PHONE = {"width": 390, "height": 844}
SOON = 30_000


@pytest.fixture
def photo(drawn_dogs: Path, tmp_path: Path) -> Path:
    """A photo that no dog has yet: a listed dog's, mirrored."""
    source = min(p for p in drawn_dogs.rglob("*") if p.suffix in {".jpg", ".png", ".webp"})
    path = tmp_path / "from the phone.jpg"
    with Image.open(source) as image:
        ImageOps.mirror(image.convert("RGB")).save(path, quality=92)
    return path


@pytest.fixture
def phone(browser: Browser, live_stack: Installation) -> Iterator[Callable[..., Page]]:
    """Opens a tab on a phone of its own; logged in if a role is named."""
    people = []

    def open_tab(role: str = "", *, scripts: bool = True) -> Page:
        person = browser.new_context(
            base_url=live_stack.url, locale="en-US", viewport=PHONE, java_script_enabled=scripts
        )
        person.set_default_timeout(15_000)
        people.append(person)
        tab = person.new_page()
        if role:
            log_in(tab, *live_stack.logins()[role])
        return tab

    yield open_tab
    for person in people:
        person.close()


def log_in(page: Page, address: str, password: str) -> None:
    page.goto("/login/")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="My account")).to_be_visible()


def fits(page: Page) -> None:
    """Nothing makes the page scroll sideways."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], page.url


def answer(page: Page, trait: str, word: str) -> None:
    page.get_by_role("group", name=trait).get_by_role("radio", name=word, exact=True).check()


def names_found(page: Page, photo: Path) -> list[str]:
    """The dogs an adopter sees for this photo."""
    page.goto("/")
    page.set_input_files("input[name=photo]", photo)
    page.wait_for_selector("#answer[data-state=done]", timeout=SOON)
    return page.locator(".card .card-title").all_inner_texts()


def set_status(page: Page, button: str, then: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("status")).to_contain_text(then)


def test_a_dog_listed_from_a_phone_is_found_and_gone_once_adopted(
    phone: Callable[..., Page], photo: Path, pictures: Path
) -> None:
    staff, adopter = phone("staff"), phone()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Hanbit Shelter")
    fits(staff)
    staff.screenshot(path=pictures / "staff-start.png")
    staff.get_by_role("link", name="Dogs", exact=True).click()
    expect(staff.locator(".dog-row").first).to_be_visible()
    fits(staff)
    staff.screenshot(path=pictures / "staff-dogs.png")

    staff.get_by_role("link", name="New dog").click()
    staff.locator("input[name=photos]").set_input_files(photo)
    expect(staff.locator(".chooser-photos img")).to_have_count(1)
    expect(staff.locator("#photo-hints .chip, #photo-hints .muted").first).to_be_visible()
    expect(staff.locator("#photo-hints")).not_to_contain_text("Looking", timeout=SOON)
    expect(staff.locator("#photo-hints")).to_contain_text("Is this dog listed already?")
    staff.get_by_label("Name", exact=True).fill("Byeolnim")
    answer(staff, "Sex", "female")
    staff.get_by_label("years", exact=True).fill("3")
    answer(staff, "Good with cats", "selective")
    answer(staff, "Energy", "4")
    fits(staff)
    staff.evaluate("window.scrollTo(0, 0)")
    staff.screenshot(path=pictures / "staff-new-dog.png")
    staff.get_by_role("button", name="List this dog").click()

    expect(staff.get_by_role("heading", level=1)).to_have_text("Byeolnim")
    # The page follows the worker by itself.
    expect(staff.locator(".tile .state")).to_have_text("searchable", timeout=SOON)
    expect(staff.locator(".tile img")).to_be_visible()
    fits(staff)
    staff.screenshot(path=pictures / "staff-dog.png")

    assert "Byeolnim" in names_found(adopter, photo)
    set_status(staff, "Adopted", "adopted")
    assert "Byeolnim" not in names_found(adopter, photo)


def test_a_mistake_costs_neither_the_photos_nor_the_words(
    phone: Callable[..., Page], photo: Path
) -> None:
    staff = phone("staff")
    staff.goto("/staff/dogs/new/")
    # A phone's camera gives one photo at a time; they add up, and one can be left out again.
    chooser = staff.locator("input[name=photos]")
    chooser.set_input_files(photo)
    chooser.set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"milk"})
    expect(staff.locator(".chooser-photos li")).to_have_count(2)
    staff.get_by_role("button", name="Leave this photo out: notes.txt").click()
    expect(staff.locator(".chooser-photos li")).to_have_count(1)
    chooser.set_input_files({"name": "list.txt", "mimeType": "text/plain", "buffer": b"bread"})
    expect(staff.get_by_text("This file is not a photo.")).to_be_visible()

    staff.get_by_label("Weight", exact=True).fill("900")
    staff.get_by_label("Description").fill("Sleeps in the sun")
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_role("alert")).to_be_visible()
    expect(staff.get_by_text("A dog needs a name")).to_be_visible()
    expect(staff.get_by_text("No dog weighs more")).to_be_visible()
    expect(staff.get_by_label("Description")).to_have_value("Sleeps in the sun")

    staff.get_by_label("Name", exact=True).fill("Haru")
    staff.get_by_label("Weight", exact=True).fill("9")
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Haru")
    expect(staff.locator(".tile")).to_have_count(1)
    expect(staff.get_by_text("Only your shelter can see it.", exact=True)).to_be_visible()

    staff.get_by_text("Delete", exact=True).or_(staff.locator("summary[aria-label=Delete]")).click()
    staff.get_by_role("button", name="Delete for good").click()
    expect(staff.locator(".tile")).to_have_count(0)


def test_a_form_that_does_not_arrive_says_so(phone: Callable[..., Page], photo: Path) -> None:
    staff = phone("staff")
    staff.goto("/staff/dogs/new/")
    staff.locator("input[name=photos]").set_input_files(photo)
    staff.get_by_label("Name", exact=True).fill("Duri")
    staff.context.set_offline(True)
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_text("This did not arrive.")).to_be_visible()
    staff.context.set_offline(False)
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Duri")
    expect(staff.locator(".tile")).to_have_count(1)


def test_listing_a_dog_needs_no_script(phone: Callable[..., Page], photo: Path) -> None:
    staff = phone("staff", scripts=False)
    staff.goto("/staff/dogs/new/")
    staff.locator("input[name=photos]").set_input_files(photo)
    staff.get_by_label("Name", exact=True).fill("Dubu")
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Dubu")
    expect(staff.locator(".tile")).to_have_count(1)


def test_photos_that_are_still_on_their_way_go_with_the_form(
    phone: Callable[..., Page], drawn_dogs: Path, tmp_path: Path
) -> None:
    """Their pieces are never answered here; each time the form is sent with all three of them."""
    staff = phone("staff")
    staff.route("**/staff/uploads/**", lambda route: None)
    for name in ("Dubu", "Kong", "Sundae"):
        photos = []
        for number, source in enumerate(sorted(drawn_dogs.rglob("*.jpg"))[3:6]):
            path = tmp_path / f"{name}-{number}.jpg"
            with Image.open(source) as image:
                ImageOps.flip(image.convert("RGB")).save(path, quality=70 + len(name))
            photos.append(path)
        staff.goto("/staff/dogs/new/")
        for path in photos:
            staff.locator("input[name=photos]").set_input_files(path)
        staff.get_by_label("Name", exact=True).fill(name)
        staff.get_by_role("button", name="List this dog").click()
        expect(staff.get_by_role("heading", level=1)).to_have_text(name)
        expect(staff.locator(".tile")).to_have_count(3)


def test_three_photos_and_a_name_are_soon_listed(
    phone: Callable[..., Page], drawn_dogs: Path, tmp_path: Path
) -> None:
    """At most twelve clicks, fields and choices from the start page to a listed dog."""
    photos = []
    for number, source in enumerate(sorted(drawn_dogs.rglob("*.jpg"))[:3]):
        path = tmp_path / f"{number}.jpg"
        with Image.open(source) as image:
            ImageOps.flip(image.convert("RGB")).save(path, quality=90)
        photos.append(path)
    staff = phone("staff")
    done = 0

    def act(_result: object) -> None:
        nonlocal done
        done += 1

    act(staff.get_by_role("link", name="New dog").click())
    for path in photos:  # as a phone's camera gives them
        act(staff.locator("input[name=photos]").set_input_files(path))
    act(staff.get_by_label("Name", exact=True).fill("Mongsil"))
    act(answer(staff, "Sex", "female"))
    act(staff.get_by_label("years", exact=True).fill("2"))
    act(staff.get_by_label("Weight", exact=True).fill("7"))
    act(answer(staff, "Good with children", "yes"))
    act(staff.get_by_role("button", name="List this dog").click())
    expect(staff.get_by_role("heading", level=1)).to_have_text("Mongsil")
    expect(staff.get_by_text("Can be adopted", exact=True)).to_be_visible()
    expect(staff.locator(".tile")).to_have_count(3)
    assert done <= 12


def test_a_lost_connection_costs_no_photo(
    phone: Callable[..., Page], photo: Path, tmp_path: Path
) -> None:
    staff = phone("staff")
    staff.goto("/staff/dogs/new/")
    staff.get_by_label("Name", exact=True).fill("Gureum")
    staff.get_by_role("button", name="Save as draft").click()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Gureum")

    large = tmp_path / "large.jpg"
    Image.effect_noise((1800, 1800), 120).convert("RGB").save(large, quality=95)
    assert large.stat().st_size > 3 * 512 * 1024
    offsets, lost = [], True

    def wire(route: Route) -> None:
        offset = int(route.request.headers.get("upload-offset", "0"))
        if route.request.method == "PATCH" and offset:
            offsets.append(offset)
            if lost:
                route.abort("internetdisconnected")
                return
        route.continue_()

    staff.route("**/staff/uploads/**", wire)
    staff.locator("input[name=photos]").set_input_files([photo, large])
    expect(staff.get_by_text("waiting for the connection")).to_be_visible()
    expect(staff.locator(".tile")).to_have_count(1)
    # What had come of the large one is not sent again, not even after the page is loaded anew.
    staff.reload()
    expect(staff.locator(".tile")).to_have_count(1)
    lost = False
    staff.locator("input[name=photos]").set_input_files(large)
    expect(staff.locator(".tile")).to_have_count(2, timeout=SOON)
    assert min(offsets) == 512 * 1024
    assert offsets[-1] > 2 * 512 * 1024


def test_several_dogs_at_once(phone: Callable[..., Page]) -> None:
    staff = phone("staff")
    for name in ("Hana", "Duul"):
        staff.goto("/staff/dogs/new/")
        staff.get_by_label("Name", exact=True).fill(name)
        staff.get_by_role("button", name="Save as draft").click()
        expect(staff.get_by_role("heading", level=1)).to_have_text(name)
    staff.goto("/staff/dogs/?status=draft")
    expect(staff.get_by_label("Ticked dogs:")).to_be_hidden()
    for name in ("Hana", "Duul"):
        staff.get_by_label(f"Tick {name}").check()
    staff.get_by_label("Ticked dogs:").select_option("withdrawn")
    staff.get_by_role("button", name="Change", exact=True).click()
    expect(staff.get_by_role("heading", level=1)).to_have_text("Change 2 dogs to: withdrawn?")
    fits(staff)
    staff.get_by_role("button", name="Yes, change them").click()
    expect(staff.get_by_role("status").first).to_contain_text("2 dogs are now: withdrawn.")


@pytest.mark.parametrize("address", ["/staff/", "/staff/dogs/new/", "/manage/", "/manage/jobs/"])
def test_a_stranger_is_asked_to_log_in(phone: Callable[..., Page], address: str) -> None:
    page = phone()
    page.goto(address)
    expect(page).to_have_url(re.compile(r"/login/\?next="))
    fits(page)


def test_photos_are_cropped_and_put_in_order(
    phone: Callable[..., Page], drawn_dogs: Path, photo: Path, pictures: Path
) -> None:
    staff = phone("staff")
    staff.goto("/staff/dogs/new/")
    others = sorted(p for p in drawn_dogs.rglob("*.jpg"))[3:5]
    staff.locator("input[name=photos]").set_input_files([photo, *others])
    staff.get_by_label("Name", exact=True).fill("Mongsil")
    staff.get_by_role("button", name="List this dog").click()
    states = staff.locator(".tile .state", has_text="searchable")
    expect(states).to_have_count(3, timeout=SOON)

    staff.set_viewport_size({"width": 1280, "height": 900})

    def shown() -> list[str]:
        return [t.get_attribute("data-photo") for t in staff.locator(".tile").all()]

    before = shown()
    staff.locator(".tile").nth(2).drag_to(staff.locator(".tile").nth(0))
    expect(staff.locator(".tile").first).to_have_attribute("data-photo", before[2])
    staff.reload()
    assert shown() == [before[2], before[0], before[1]]
    staff.get_by_role("button", name="Make it the cover").click()
    expect(staff.locator(".tile").first).to_have_attribute("data-photo", before[1])

    staff.get_by_role("link", name="Crop").first.click()
    frame = staff.locator(".crop-frame--draw")
    area = frame.bounding_box()
    staff.mouse.move(area["x"] + area["width"] * 0.1, area["y"] + area["height"] * 0.1)
    staff.mouse.down()
    staff.mouse.move(area["x"] + area["width"] * 0.9, area["y"] + area["height"] * 0.8, steps=4)
    staff.mouse.up()
    expect(staff.get_by_label("Right edge")).to_have_value("90")
    fits(staff)
    staff.screenshot(path=pictures / "staff-crop.png")
    staff.get_by_role("button", name="Crop").click()
    expect(staff.locator(f".tile[data-photo='{before[1]}']")).to_have_count(0, timeout=SOON)
    expect(states).to_have_count(3, timeout=SOON)


def test_a_table_is_shown_before_it_changes_anything(
    phone: Callable[..., Page], photo: Path, tmp_path: Path, pictures: Path
) -> None:
    archive = tmp_path / "our dogs.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("dogs.csv", "dog,name,sex\ndal,Dalkong,female\ngone,Gone,male\n")
        file.write(photo, "dal/1.jpg")
    staff = phone("staff")
    staff.get_by_role("link", name="Import").click()
    fits(staff)
    staff.screenshot(path=pictures / "import.png", full_page=True)
    staff.get_by_label("ZIP archive").set_input_files(archive)
    staff.get_by_role("button", name="Upload and look").click()
    expect(staff.get_by_role("heading", name="What will change")).to_be_visible(timeout=SOON)
    expect(staff.get_by_text("“gone” is not there.")).to_be_visible()
    fits(staff)
    staff.screenshot(path=pictures / "import-preview.png", full_page=True)
    staff.get_by_role("button", name="Do this").click()
    expect(staff.get_by_text("“gone” is not there.")).to_be_visible(timeout=SOON)
    expect(staff.locator("[role=status]")).to_have_count(0, timeout=SOON)
    fits(staff)
    staff.screenshot(path=pictures / "pages" / "import-report.png", full_page=True)
    # Loading the page of an action again does nothing again.
    staff.reload()
    staff.goto("/staff/dogs/?q=Dalkong")
    expect(staff.locator(".dog-row", has_text="Dalkong")).to_have_count(1)


# In place of a camera: a picture that is moved to and fro before it, so that the dog in it stands.
CAMERA = """
navigator.mediaDevices.getUserMedia = async () => {
  const picture = new Image();
  picture.src = "%s";
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  const draw = () => canvas.getContext("2d").drawImage(picture, 12 * Math.sin(Date.now() / 400), 0);
  draw();
  setInterval(draw, 60);
  return canvas.captureStream(15);
};
"""


def test_a_clip_is_recorded_watched_and_deleted(phone: Callable[..., Page], pictures: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(walk(3, (480, 360))[1].image).save(buffer, "JPEG", quality=90)
    tab = phone("staff")
    address = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    tab.add_init_script(CAMERA % address)
    tab.goto("/staff/dogs/")
    tab.locator(".dog-row .card-title a").first.click()
    assert not tab.evaluate("document.featurePolicy.allowsFeature('camera')")
    tab.get_by_role("link", name="Record or upload a clip").click()
    assert tab.evaluate("document.featurePolicy.allowsFeature('camera')")
    assert not tab.evaluate("document.featurePolicy.allowsFeature('microphone')")

    tab.get_by_role("button", name="Use the camera").click()
    tab.get_by_role("button", name="Start recording").click()
    expect(tab.get_by_role("timer")).to_contain_text(re.compile(r"1[0-8]$"))
    fits(tab)
    tab.screenshot(path=pictures / "pages" / "staff-clip-recording.png")
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_role("button", name="Send this clip").click()

    # The page follows the worker by itself.
    expect(tab.get_by_role("heading", name="How it moves")).to_be_visible(
        timeout=60_000 * patience()
    )
    expect(tab.get_by_text("This is a guess from one clip.")).to_be_visible()
    expect(tab.locator(".clip-level")).to_have_text("Keeps still")
    points = tab.locator(".clip-frame path.kp[visibility=visible]")
    tab.locator("[data-controls]").wait_for()
    assert points.count() > 8
    before = points.first.get_attribute("transform")
    tab.get_by_role("button", name="Play").click()
    expect(tab.get_by_role("button", name="Pause")).to_be_visible()
    expect(points.first).not_to_have_attribute("transform", before)
    tab.get_by_role("slider").fill("1")
    expect(tab.get_by_role("button", name="Play")).to_be_visible()
    fits(tab)
    tab.screenshot(path=pictures / "staff-clip.png", full_page=True)

    tab.get_by_text("Delete this clip").click()
    tab.get_by_role("button", name="Yes, delete").click()
    expect(tab.get_by_role("status")).to_contain_text("The clip is deleted.")
    expect(tab.locator(".clip-list")).to_have_count(0)
