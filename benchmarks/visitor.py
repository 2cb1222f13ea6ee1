"""A person's browser, as far as the server can tell: cookies, kept connections, forms, polling."""

import html.parser
import http.client
import http.cookies
import mimetypes
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urljoin, urlsplit

TIMEOUT_SECONDS = 30
REDIRECTS = 5


@dataclass(frozen=True)
class Page:
    """An answer after its redirects; `path` is where it was found, query included."""

    status: int
    path: str
    text: str

    def form(self, action: str) -> "Form":
        """The first form that posts to `action`. Raises LookupError."""
        reader = FormReader(self.path)
        reader.feed(self.text)
        for form in reader.forms:
            if form.action == action:
                return form
        raise LookupError(f"no form posts to {action} on {self.path}")


@dataclass
class Form:
    """Where a form goes, and what it would send if nothing were changed."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)


class FormReader(html.parser.HTMLParser):
    """Collects the forms of a page found at `path`."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.forms: list[Form] = []
        self.inside = False
        self.select: str | None = None
        self.text: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag == "form":
            self.forms.append(Form(urljoin(self.path, given.get("action") or self.path)))
            self.inside = True
        if not self.inside:
            return
        form, name = self.forms[-1], given.get("name") or ""
        if tag == "input" and name:
            kind = given.get("type") or "text"
            chosen = kind not in ("radio", "checkbox") or "checked" in given
            if chosen and kind not in ("file", "submit", "image"):
                form.fields.append((name, given.get("value") or ""))
        elif tag == "textarea" and name:
            form.fields.append((name, ""))
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in given:
            form.fields.append((self.select, given.get("value") or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = None


class Visitor:
    """One person on one connection, without any script."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc
        self.url = url
        self.cookies: dict[str, str] = {}
        self.connection = http.client.HTTPConnection(self.host, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def get(self, path: str, *, by_script: bool = False) -> Page:
        """`by_script` asks as htmx does, for a part of a page."""
        return self.request("GET", path, headers={"HX-Request": "true"} if by_script else {})

    def submit(
        self,
        form: Form,
        changes: dict[str, str],
        files: list[tuple[str, Path]] | None = None,
    ) -> Page:
        """Send `form` with some fields filled in, and follow where it leads."""
        fields = [(name, value) for name, value in form.fields if name not in changes]
        fields += changes.items()
        boundary = secrets.token_hex(16)
        body = b"".join(
            [
                *(part(boundary, name, value.encode()) for name, value in fields),
                *(part(boundary, name, path.read_bytes(), path) for name, path in files or []),
                f"--{boundary}--\r\n".encode(),
            ]
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.request("POST", form.action, body=body, headers=headers)

    def request(
        self, method: str, path: str, *, headers: dict[str, str], body: bytes | None = None
    ) -> Page:
        for _ in range(REDIRECTS):
            sent = {"Referer": f"{self.url}{path}", "Accept-Language": "en", **headers}
            if self.cookies:
                sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
            self.connection.request(method, path, body=body, headers=sent)
            answer = self.connection.getresponse()
            text = answer.read().decode(errors="replace")
            for header in answer.headers.get_all("Set-Cookie") or []:
                for name, morsel in http.cookies.SimpleCookie(header).items():
                    self.cookies[name] = morsel.value
            target = answer.headers.get("Location")
            if target is None:
                return Page(answer.status, path, text)
            parts = urlsplit(urljoin(path, target))
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            method, body, headers = "GET", None, {}
        raise RuntimeError(f"{path}: more than {REDIRECTS} redirects")


def part(boundary: str, name: str, content: bytes, file: Path | None = None) -> bytes:
    """One part of a multipart body (RFC 7578)."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
    if file is not None:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        head += f'; filename="photo{file.suffix}"\r\nContent-Type: {kind}'
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"
