"""The errors a caller of `ml` can meet. Each carries a stable code and a sentence with a remedy."""

from typing import Literal

OtherKind = Literal["cat", "person", "other"]


class PawkinError(Exception):
    """A failure with something to say to a person.

    `code` is snake_case and stable, so that callers translate by it; `message` is one plain English
    sentence or two, the second naming the remedy; `detail` is for staff and logs.
    """

    code: str
    message: str
    detail: str

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        super().__init__(code, message, detail)
        self.code = code
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message} ({self.detail})" if self.detail else self.message


class ImageRejected(PawkinError):
    """These bytes are not a photo that can be used.

    Codes: empty_file, file_too_large, not_an_image, unsupported_format, too_many_pixels,
    too_many_frames, image_too_small, truncated_image.
    """


class ClipRejected(PawkinError):
    """These bytes are not a short film that can be used.

    Codes: empty_file, clip_too_large, not_a_clip, clip_too_long, clip_too_short, clip_too_heavy,
    clip_too_small, clip_damaged.
    """


_NO_DOG = {
    "cat": "This looks like a cat. Try a photo of a dog.",
    "person": "This looks like a person. Try a photo where a dog fills most of the picture.",
    "other": "We couldn't find a dog in this photo. Try one where its face is clear.",
}


class NoSubject(PawkinError):
    """No dog in the photo; `kind` says what was seen instead. Code: no_dog."""

    kind: OtherKind

    def __init__(self, kind: OtherKind = "other", detail: str = "") -> None:
        super().__init__("no_dog", _NO_DOG[kind], detail)
        self.kind = kind

    def __reduce__(self) -> tuple[type["NoSubject"], tuple[OtherKind, str]]:
        return NoSubject, (self.kind, self.detail)


class NoFace(PawkinError):
    """No person's face in the photo. Code: no_face."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            "no_face", "We couldn't find a face in this photo. Try one from the front.", detail
        )

    def __reduce__(self) -> tuple[type["NoFace"], tuple[str]]:
        return NoFace, (self.detail,)


class FaceUnclear(PawkinError):
    """A person's face is there, and cannot be measured. Code: face_unclear."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            "face_unclear",
            "The face in this photo is too small, blurred or turned too far to measure. Try a "
            "sharp one from the front.",
            detail,
        )

    def __reduce__(self) -> tuple[type["FaceUnclear"], tuple[str]]:
        return FaceUnclear, (self.detail,)


class ModelMissing(PawkinError):
    """No model of that name, or its weights are not where the spec says. Code: unknown_model."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__("unknown_model", message, detail)

    def __reduce__(self) -> tuple[type["ModelMissing"], tuple[str, str]]:
        return ModelMissing, (self.message, self.detail)


class ModelMismatch(PawkinError):
    """Weights, spec or fingerprint do not belong together. Code: model_mismatch."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__("model_mismatch", message, detail)

    def __reduce__(self) -> tuple[type["ModelMismatch"], tuple[str, str]]:
        return ModelMismatch, (self.message, self.detail)


class DataError(PawkinError):
    """A data set, label file or option cannot be used as it is. Code: bad_data unless given."""

    def __init__(self, message: str, detail: str = "", code: str = "bad_data") -> None:
        super().__init__(code, message, detail)

    def __reduce__(self) -> tuple[type["DataError"], tuple[str, str, str]]:
        return DataError, (self.message, self.detail, self.code)
