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
