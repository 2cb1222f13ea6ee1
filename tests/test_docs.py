"""What the guides point to is there, and their pictures are those that the browser tests make."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "screenshots"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def guides() -> list[Path]:
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "ml").rglob("*.md")]
    return sorted(found)


@pytest.mark.parametrize("guide", guides(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(guide: Path) -> None:
    for target in LINK.findall(guide.read_text()):
        if not re.match(r"[a-z]+:|#", target):
            assert (guide.parent / target.partition("#")[0]).exists(), target


def test_every_picture_is_made_by_a_test_and_shown_in_a_guide() -> None:
    told = "".join(guide.read_text() for guide in guides())
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "browser").glob("*.py"))
    for picture in sorted(PICTURES.glob("*.png")):
        assert picture.name in told, f"{picture.name} is in no guide"
        stem = picture.stem.removeprefix("ko-").removeprefix("manage-")
        assert f'"{picture.name}"' in tests or f'"{stem}"' in tests, f"no test makes {picture.name}"


PROMISES = [ROOT / "SECURITY.md", ROOT / "docs" / "reliability.md", ROOT / "docs" / "deployment.md"]
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@pytest.mark.parametrize("document", PROMISES, ids=lambda path: path.name)
def test_every_promise_names_a_test_that_there_is(document: Path) -> None:
    named = TEST.findall(document.read_text())
    assert named
    for path, name in named:
        text = (ROOT / path).read_text()
        assert not name or re.search(rf"^def {name}\(", text, re.M), f"{path}::{name}"


@pytest.mark.parametrize("document", PROMISES[:2], ids=lambda path: path.name)
def test_every_row_of_promises_says_what_holds_it(document: Path) -> None:
    rows = [line for line in document.read_text().splitlines() if line.startswith("| ")]
    for row in rows:
        held = row.rstrip("| ").rpartition("|")[2].strip()
        assert held == "held by" or "`tests/" in held or "`script/" in held, row
