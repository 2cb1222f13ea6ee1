"""Points marked by mouse and keyboard, and what training reads of them."""

import io
import json
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from benchmarks.installation import Installation
from ml.skeleton import INDEX
from tests.browser.test_accounts import log_in


def of(page: Page, name: str) -> float:
    """A place in per cent, from the table of numbers."""
    return float(page.locator(f"input[name={name}]").input_value())


def test_what_is_marked_by_mouse_and_keys_is_what_training_reads(
    page: Page, live_stack: Installation, pictures: Path
) -> None:
    log_in(page, *live_stack.logins()["staff"])
    page.get_by_role("link", name="Annotate", exact=True).click()
    page.get_by_role("link", name="Annotate the next photo").click()
    stage = page.locator("#stage")
    expect(stage).to_be_focused()
    first = page.url
    source = page.locator(".stage img").get_attribute("src") or ""
    page.wait_for_load_state("networkidle")
    page.screenshot(path=pictures / "annotate.png")
    area = stage.bounding_box()
    assert area is not None

    def click(x: float, y: float) -> None:
        page.mouse.click(area["x"] + x * area["width"], area["y"] + y * area["height"])

    # Whatever was guessed: from the first point on, each click goes on to the next.
    page.locator(".point").first.click()
    click(0.6, 0.3)
    click(0.4, 0.25)
    expect(page.locator("#current-name")).to_have_text("nose")
    click(0.5, 0.5)
    page.keyboard.press("p")
    before = of(page, "x_nose"), of(page, "y_nose")
    for key in ("Shift+ArrowRight", "ArrowDown", "h"):
        page.keyboard.press(key)
    assert of(page, "x_nose") > before[0] + 1
    assert before[1] < of(page, "y_nose") < before[1] + 1
    expect(page.locator("#said")).to_contain_text("nose: hidden")
    page.keyboard.press("n")
    page.keyboard.press("Delete")
    nose = of(page, "x_nose"), of(page, "y_nose")

    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").last).to_be_visible()
    if page.get_by_role("button", name="Take all guesses over").is_visible():
        page.get_by_role("button", name="Take all guesses over").click()
    page.get_by_role("radio", name="sitting").check()
    page.get_by_role("radio", name="front right", exact=True).check()
    stage.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("photos annotated")).to_contain_text("1 of your shelter's")
    assert page.url != first

    archive = zipfile.ZipFile(io.BytesIO(page.request.get("/staff/annotations.zip").body()))
    told = json.loads(archive.read("annotations.json"))
    (image,), (annotation,) = told["images"], told["annotations"]
    assert image["file_name"].partition(".")[0] in source
    size = image["width"], image["height"]
    points = [annotation["keypoints"][3 * k : 3 * k + 3] for k in range(21)]

    def is_at(name: str, x: float, y: float, seen: int) -> None:
        found = points[INDEX[name]]
        assert found[2] == seen
        assert abs(found[0] - x * size[0]) < 2
        assert abs(found[1] - y * size[1]) < 2

    is_at("left_eye", 0.6, 0.3, 2)
    is_at("right_eye", 0.4, 0.25, 2)
    is_at("nose", nose[0] / 100, nose[1] / 100, 1)
    assert points[INDEX["left_ear_base"]] == [0, 0, 0]
    assert (annotation["posture"], annotation["view"]) == ("sitting", "front-right")
