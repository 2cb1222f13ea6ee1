"""Pages by cursor: what is added or goes meanwhile neither repeats nor hides a row."""

from __future__ import annotations

from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    ordering: str | tuple[str, ...] = "-pk"
    page_size = 24
    page_size_query_param = "page_size"
    max_page_size = 200
    invalid_cursor_message = "This cursor is not one of ours. Start from the first page."

    def decode_cursor(self, request):  # type: ignore[no-untyped-def]
        try:
            return super().decode_cursor(request)
        except NotFound as error:
            raise NotFound(self.invalid_cursor_message, code="invalid_cursor") from error
