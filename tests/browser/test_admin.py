"""An admin: reindexes beside the live version, watches it, goes back."""

from pathlib import Path

from playwright.sync_api import Page, expect

from benchmarks.installation import Installation
from tests.browser.test_staff import fits, log_in
from tests.stack import eventually

REINDEXED = 120_000
SOON = 30_000


def test_reindexing_with_progress_and_going_back(
    page: Page, live_stack: Installation, pictures: Path
) -> None:
    log_in(page, *live_stack.logins()["admin"])
    expect(page).to_have_url(f"{live_stack.url}/manage/")
    expect(page.get_by_text("working")).to_have_count(2)
    builds = page.locator("#versions tbody tr")
    before = builds.count()

    page.get_by_role("button", name="Build it").click()
    bar = page.get_by_role("progressbar", name="Photos described")
    expect(bar).to_be_visible()
    page.locator("#reindex-title").scroll_into_view_if_needed()
    page.screenshot(path=pictures / "manage-reindex.png")
    expect(bar).to_be_hidden(timeout=REINDEXED)

    expect(builds).to_have_count(before + 1)
    newest = builds.first.locator(".state")
    expect(newest).to_have_text("live")
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=pictures / "manage.png")

    older = builds.filter(has_text="kept for rollback").first
    older.get_by_text("Go back to it").click()
    older.get_by_role("button", name="Switch now").click()
    expect(page.get_by_text("answers now.")).to_be_visible()
    expect(newest).to_have_text("kept for rollback")

    page.get_by_role("link", name="Jobs").click()
    expect(page.locator(".jobs tbody tr").filter(has_text="Reindex").first).to_contain_text("done")
    page.screenshot(path=pictures / "manage-jobs.png")
    page.goto("/manage/retention/")
    page.screenshot(path=pictures / "manage-retention.png")
    page.set_viewport_size({"width": 390, "height": 844})
    for address in ("/manage/", "/manage/jobs/", "/manage/charts/", "/manage/duplicates/"):
        page.goto(address)
        fits(page)


def test_a_dog_that_is_listed_twice(
    page: Page, live_stack: Installation, drawn_dogs: Path, pictures: Path
) -> None:
    photo = min(drawn_dogs.rglob("*.jpg"))
    for _ in range(3):
        page.goto("/")
        page.set_input_files("input[name=photo]", photo)
        page.wait_for_selector("#answer[data-state=done]")
    page.locator(".card-title a").first.click()
    name = page.get_by_role("heading", level=1).inner_text()
    log_in(page, *live_stack.logins()["admin"])
    page.goto("/staff/dogs/new/")
    page.locator("input[name=photos]").set_input_files(photo)
    page.get_by_label("Shelter").select_option(index=2)
    page.get_by_label("Name", exact=True).fill("Once more")
    page.get_by_role("button", name="List this dog").click()
    expect(page.locator(".tile .state")).to_have_text("searchable", timeout=SOON)

    page.goto("/manage/duplicates/")
    page.get_by_role("button", name="Look now").click()
    pair = page.locator(".twins > li", has_text="Once more").filter(has_text=name)

    def found() -> bool:
        page.goto("/manage/duplicates/")
        return pair.count() == 1

    eventually(found, within=20, what="the pair is found")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=pictures / "manage-duplicates.png")
    fits(page)
    pair.get_by_role("button", name="One dog: keep this listing").first.click()
    expect(page.get_by_role("status").first).to_contain_text("the other listing is withdrawn")
    expect(pair).to_have_count(0)
    page.goto("/staff/dogs/?q=Once more")
    expect(page.locator(".dog-row")).to_contain_text("withdrawn")

    page.goto("/manage/charts/")
    page.screenshot(path=pictures / "manage-charts.png")


def test_raw_rows_work_under_their_content_policy(
    page: Page, live_stack: Installation, pictures: Path
) -> None:
    log_in(page, *live_stack.logins()["admin"])
    refused = []
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    for address in ("/admin/", "/admin/dogs/dog/", "/admin/shelters/shelter/add/"):
        page.goto(address)
        expect(page.get_by_role("link", name="Dogs").first).to_be_visible()
        page.screenshot(path=pictures / "pages" / f"rows{address.replace('/', '-')}.png")
    page.locator("#id_name").press_sequentially("Haneul House")
    expect(page.locator("#id_slug")).to_have_value("haneul-house")
    assert refused == []
