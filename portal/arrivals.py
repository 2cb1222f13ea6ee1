"""Large files of a request, on the disk without a name: where this process is killed before it has
dealt with one, nothing of an adopter's photo stays behind in a folder for temporary files."""

from __future__ import annotations

import tempfile
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler


class NamelessUpload(FileUploadHandler):
    """Takes what MemoryFileUploadHandler leaves. Storage reads it piece by piece: it has no path to
    be moved from."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        place = settings.FILE_UPLOAD_TEMP_DIR
        self.file = UploadedFile(
            tempfile.TemporaryFile(dir=place),  # noqa: SIM115, closed with the request
            self.file_name,
            self.content_type,
            0,
            self.charset,
            self.content_type_extra,
        )

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        self.file.seek(0)
        self.file.size = file_size
        return self.file

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
