import pickle

import pytest

from ml.errors import DataError, ImageRejected, ModelMismatch, ModelMissing, NoSubject, PawkinError


@pytest.mark.parametrize(
    "error",
    [
        PawkinError("a_code", "A sentence.", "detail"),
        ImageRejected("empty_file", "Empty.", "0"),
        NoSubject("cat", "0.1"),
        ModelMissing("Missing.", "x"),
        ModelMismatch("Other.", "x"),
        DataError("Bad.", "x", "no_labels"),
    ],
)
def test_survives_another_process(error: PawkinError) -> None:
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert (twin.code, twin.message, twin.detail) == (error.code, error.message, error.detail)


@pytest.mark.parametrize(("kind", "word"), [("cat", "cat"), ("person", "person"), ("other", "dog")])
def test_no_subject_says_what_was_seen(kind: str, word: str) -> None:
    error = NoSubject(kind)  # type: ignore[arg-type]
    assert error.code == "no_dog"
    assert word in error.message
    assert error.kind == kind
