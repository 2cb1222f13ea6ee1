"""The API on real servers: docs/api.md as it stands, the client, ten calls at once."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import parallel
from benchmarks.installation import ROOT, Installation
from tests.stack import patience

STAFFED = (
    "from portal.shelters.models import Membership; "
    "print(Membership.objects.select_related('shelter').first().shelter.slug)"
)
BLOCKS = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)


@pytest.fixture(scope="module")
def api_stack(temporary: Path, drawn_dogs: Path, compiled_models: dict[str, str]):
    """Its own, since it is asked more in a minute than a visitor may, and is changed."""
    rates = dict.fromkeys(
        ("API_RATE_VISITORS", "API_RATE_USERS", "API_RATE_SEARCHES", "API_RATE_ENQUIRIES"),
        "10000/min",
    )
    options = ("--port", "0", "--photos", str(drawn_dogs))
    waits = {"SIMILAR_DOG_WAIT_SECONDS": str(round(20 * patience()))}
    with Installation(temporary / "api", *options, **compiled_models, **rates, **waits) as stack:
        stack.wait_until_prepared(120 * patience())
        yield stack


def token(stack: Installation, role: str, *scopes: str) -> str:
    email, _password = stack.logins()[role]
    options = [part for scope in scopes for part in ("--scope", scope)]
    return stack.manage("createtoken", email, "test", *options).strip().splitlines()[-1]


@pytest.fixture(scope="module")
def photos(drawn_dogs: Path) -> list[Path]:
    return sorted(drawn_dogs.rglob("*.jpg"))


def test_every_command_of_the_documentation_runs(
    api_stack: Installation, photos: list[Path], tmp_path: Path
) -> None:
    blocks = BLOCKS.findall((ROOT / "docs" / "api.md").read_text())
    assert len(blocks) >= 9
    for name, photo in (("photo.jpg", photos[0]), ("other.jpg", photos[-1])):
        (tmp_path / name).write_bytes(photo.read_bytes())
    environment = {
        **os.environ,
        "PAWKIN": api_stack.url,
        "SHELTER": api_stack.manage("shell", "-v", "0", "-c", STAFFED).strip().splitlines()[-1],
        "STAFF_EMAIL": api_stack.logins()["staff"][0],
        "STAFF_TOKEN": token(api_stack, "staff", "write", "search"),
        "ADMIN_TOKEN": token(api_stack, "admin", "write", "search", "admin"),
    }
    script = tmp_path / "api.sh"
    script.write_text("set -euo pipefail\n" + "\n".join(blocks))
    done = subprocess.run(
        ["bash", "-x", str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "event: answer" in done.stdout
    assert '"state":"done"' in done.stdout


CLIENT = """
import sys
from pathlib import Path
from pawkin import ApiError, Pawkin
pawkin = Pawkin(sys.argv[1], token=sys.argv[2])
dogs = list(pawkin.pages(pawkin.dogs_list, page_size=3))
assert len({dog["slug"] for dog in dogs}) == len(dogs) >= 8, len(dogs)
search = pawkin.searches_create({"image": Path(sys.argv[3])})
last = list(pawkin.searches_events(search["id"]))[-1]
assert last["state"] == "done", last
found = pawkin.wait(search["id"], seconds=60)
assert found["results"][0]["score"] > 50, found
pawkin.searches_delete(search["id"])
try:
    pawkin.searches_read(search["id"])
except ApiError as error:
    assert (error.status, error.code) == (410, "search_expired")
else:
    raise AssertionError("it is gone")
"""


def test_the_client_searches(api_stack: Installation, photos: list[Path]) -> None:
    secret = token(api_stack, "adopter", "search")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "static" / "client")}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, api_stack.url, secret, str(photos[0])],
        env=environment, capture_output=True, text=True, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_ten_calls_at_once_are_all_answered(api_stack: Installation, photos: list[Path]) -> None:
    chosen = [photos[number % len(photos)] for number in range(parallel.AT_ONCE)]
    seconds, outcomes = parallel.measure(api_stack.url, chosen)
    assert outcomes == {"matches": parallel.AT_ONCE}
    assert len(seconds) == parallel.AT_ONCE
