"""Chromium through Playwright, in front of the running product."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from benchmarks.installation import Installation


# Not for the whole run: Playwright's event loop stays in this thread until it is stopped, and
# Django refuses database calls beside one.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield program
        program.close()


@pytest.fixture
def context(browser: Browser, live_stack: Installation) -> Iterator[BrowserContext]:
    """A person with a clean browser, speaking English."""
    person = browser.new_context(
        base_url=live_stack.url, locale="en-US", viewport={"width": 1280, "height": 900}
    )
    person.set_default_timeout(15_000)
    yield person
    person.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab; the test fails if a script failed or the content policy blocked something in it."""
    tab = context.new_page()
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # An answer of 4xx is what some tests are about; the browser logs each as an error.
        if message.type == "error" and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    tab.on("console", note)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def pictures(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where screenshots go: the folder that --pictures names, else one that is thrown away."""
    chosen = request.config.getoption("--pictures")
    folder = Path(chosen) if chosen else tmp_path
    # Those that no guide shows.
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    return folder
