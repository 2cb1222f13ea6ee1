"""The whole product with its photos in a bucket: listed, prepared, searched, shown from there."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks import end_to_end
from benchmarks.content import images
from benchmarks.installation import Installation
from tests.bucket import Bucket
from tests.stack import patience


def test_dogs_are_listed_and_found_with_no_photo_on_the_machine(
    s3_server: str, drawn_dogs: Path, temporary: Path, compiled_models: dict[str, str]
) -> None:
    bucket = Bucket(s3_server)
    data, few = temporary / "bucket data", temporary / "few dogs"
    for folder in sorted(path for path in drawn_dogs.iterdir() if path.is_dir())[:2]:
        shutil.copytree(folder, few / folder.name)
    options = ("--port", "0", "--photos", str(few))
    with Installation(data, *options, **compiled_models, **bucket.environment) as stack:
        prepared = stack.wait_until_prepared(120 * patience())
        answer = end_to_end.search(stack.url, images(few)[0])
        assert answer.outcome == "matches"
        files = bucket.files()
    assert not (data / "media").exists()
    assert len([name for name in files if name.startswith("photos/")]) == prepared
    # Uploads are gone, as they are from a folder; weights are there for other machines.
    assert {name.partition("/")[0] for name in files} >= {"photos", "thumbnails", "models"}
    assert not [name for name in files if name.startswith("uploads/")]
    # Nobody without keys sees a photo.
    for name in [name for name in files if not name.startswith("models/")]:
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{s3_server}/{bucket.name}/{name}")
