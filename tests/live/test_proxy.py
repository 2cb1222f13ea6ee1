"""Real nginx with deploy/nginx/pawkin.conf, before a real gunicorn started as in the container."""

import datetime
import http.client
import ipaddress
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.installation import ROOT, TESTS_ONLY
from portal.supervision.broker import configure_redis, free_port, redis_binary, wait_for_redis
from tests.portal.uploads import jpeg
from tests.stack import eventually, patience

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(
    NGINX is None, reason="There is no nginx here: install nginx-light (.ci/run does)."
)

HOST, MEDIA_HOST = "pawkin.test", "media.pawkin.test"
SECRET = "never-to-be-logged"
TOKEN = "token of the test's Prometheus"
UPLOAD_MAX_BYTES = 20 * 1024 * 1024
# A portal that logs in quickly and needs no collected static files; all else is as it is.
SETTINGS = """
from portal.settings import *
from portal.settings import STORAGES
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": PLAIN}}
"""


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes = b""

    @property
    def is_nginx(self) -> bool:
        """Whether nginx answered by itself."""
        return b"<center>nginx</center>" in self.body


class Connection(http.client.HTTPSConnection):
    """HTTPS to a port of this machine under another name, from an address of its own: the whole of
    127/8 is this machine, so each test is a visitor that the others do not use up."""

    def __init__(self, port: int, name: str, context: ssl.SSLContext, source: str) -> None:
        super().__init__("127.0.0.1", port, context=context, timeout=30 * patience())
        self.name, self.source, self.tls = name, source, context

    def connect(self) -> None:
        plain = socket.create_connection(
            ("127.0.0.1", self.port), self.timeout, source_address=(self.source, 0)
        )
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.name)


@dataclass
class Proxy:
    folder: Path
    upstream: str
    process: subprocess.Popen[bytes] | None = None
    http_port: int = field(default_factory=free_port)
    https_port: int = field(default_factory=free_port)

    def start(self) -> None:
        (self.folder / "logs").mkdir(parents=True)
        certify(self.folder)
        text = (ROOT / "deploy" / "nginx" / "pawkin.conf").read_text()
        for name, value in {
            "${PAWKIN_HOST}": HOST,
            "${PAWKIN_MEDIA_HOST}": MEDIA_HOST,
            "${PAWKIN_UPSTREAM}": self.upstream,
            "${PAWKIN_RESOLVER}": "127.0.0.1",
            "listen 80": f"listen 127.0.0.1:{self.http_port}",
            "listen 443": f"listen 127.0.0.1:{self.https_port}",
            "/etc/nginx/certificates": str(self.folder),
            "/var/log/nginx": f"{self.folder}/logs",
        }.items():
            assert name in text
            text = text.replace(name, value)
        assert "${" not in text
        (self.folder / "pawkin.conf").write_text(text)
        places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        lines = [
            # Without a word nginx steps down to a user who may not enter this folder.
            *(["user root;"] if os.geteuid() == 0 else []),
            "daemon off;",
            "worker_processes 1;",
            f"pid {self.folder}/nginx.pid;",
            f"error_log {self.folder}/logs/start.log;",
            "events {}",
            "http {",
            *(f"{place}_temp_path {self.folder}/{place};" for place in places),
            # As systems come with it: it holds whole addresses, unless a server has its own.
            f"access_log {self.folder}/logs/usual.log;",
            f"include {self.folder}/pawkin.conf;",
            "}",
        ]
        (self.folder / "nginx.conf").write_text("\n".join(lines))
        command = [str(NGINX), "-p", str(self.folder), "-e", f"{self.folder}/logs/first.log"]
        command += ["-c", f"{self.folder}/nginx.conf"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        eventually(self.listens, within=10 * patience(), what="nginx listens", every=0.02)

    def listens(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None and self.process.stderr is not None:
            pytest.fail(f"nginx ended: {self.process.stderr.read().decode()}{self.logged()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.https_port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=20)

    def logged(self) -> str:
        return "".join(path.read_text() for path in (self.folder / "logs").iterdir())

    def connection(self, source: str, name: str = HOST) -> Connection:
        trusted = ssl.create_default_context(cafile=str(self.folder / "fullchain.pem"))
        return Connection(self.https_port, name, trusted, source)

    def ask(
        self,
        path: str,
        *,
        source: str,
        method: str = "GET",
        body: bytes | None = None,
        host: str = HOST,
        **headers: str,
    ) -> Answer:
        """One request; names of headers have _ in place of -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = self.connection(source, host)
        try:
            connection.request(method, path, body=body, headers={"Host": host, **named})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def ask_plainly(self, path: str, host: str = HOST) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=30)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def announce(self, path: str, length: int, *, source: str) -> Answer:
        """A POST of which only the headers are sent: who refuses it needs no more."""
        connection = self.connection(source)
        try:
            connection.putrequest("POST", path, skip_host=True)
            connection.putheader("Host", HOST)
            connection.putheader("Content-Length", str(length))
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@dataclass
class Site:
    """nginx, gunicorn, Redis and a database of their own; no workers, since nothing is answered."""

    proxy: Proxy
    gunicorn_port: int
    environment: dict[str, str]
    log: Path


def certify(folder: Path) -> None:
    """A certificate for both names that this test alone trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(HOST), x509.DNSName(MEDIA_HOST)]
    names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def command_of_the_container(port: int) -> list[str]:
    text = (ROOT / "deploy" / "containers" / "web.Dockerfile").read_text()
    found = re.search(r"^CMD (\[.*?\])$", text.replace("\\\n", ""), re.MULTILINE)
    assert found
    command: list[str] = json.loads(found[1])
    assert command[0] == "python"
    command[0] = sys.executable
    command[command.index("--bind") + 1] = f"127.0.0.1:{port}"
    return command


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "proxied_settings.py").write_text(SETTINGS)
    (folder / "static").mkdir()
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if name not in TESTS_ONLY}
    environment = inherited | {
        "PYTHONPATH": f"{ROOT}:{folder}",
        "DJANGO_SETTINGS_MODULE": "proxied_settings",
        "PAWKIN_DATA": str(folder),
        "STATIC_ROOT": str(folder / "static"),
        "SECRET_KEY": "of this test only, and long enough for that",
        "ALLOWED_HOSTS": f"{HOST},{MEDIA_HOST},127.0.0.1",
        "SITE_URL": f"https://{HOST}",
        "DATABASE_URL": f"sqlite:///{folder}/pawkin.sqlite3",
        "REDIS_URL": configure_redis(folder),
        "NUM_PROXIES": "1",
        "API_RATE_VISITORS": "5/min",
        "API_EVENTS_SECONDS": "3",
        "METRICS_TOKEN": TOKEN,
        "LOG_LEVEL": "INFO",
    }
    log = folder / "gunicorn.log"
    proxy = Proxy(folder / "nginx", f"127.0.0.1:{port}")
    started: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("ab") as out:
            started.append(
                subprocess.Popen([str(redis_binary()), str(folder / "redis.conf")], stdout=out)
            )
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
                cwd=ROOT,
                env=environment,
                check=True,
            )
            wait_for_redis(environment["REDIS_URL"])
            command = command_of_the_container(port)
            started.append(
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
            )
        proxy.start()
        eventually(
            lambda: proxy.ask("/health/live", source="127.0.0.2").status == 200,
            within=30 * patience(),
            what="gunicorn answers through nginx",
        )
        yield Site(proxy, port, environment, log)
    finally:
        proxy.stop()
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=40)


def test_forged_addresses_do_not_evade_the_rate_of_the_api(site: Site) -> None:
    def call(number: int, source: str) -> Answer:
        forged = f"203.0.113.{number}"
        return site.proxy.ask(
            "/api/v1/breeds/",
            source=source,
            X_Forwarded_For=f"{forged}, 127.0.0.1",
            X_Real_IP=forged,
            Forwarded=f"for={forged}",
        )

    statuses = [call(number, "127.0.0.3").status for number in range(8)]
    assert statuses == [200] * 5 + [429] * 3
    # What is counted is the address that nginx sees, so another visitor has their own count.
    assert call(1, "127.0.0.4").status == 200


def test_forged_addresses_do_not_evade_the_limit_of_wrong_passwords(site: Site) -> None:
    page = site.proxy.ask("/login/", source="127.0.0.5", Accept_Language="en")
    assert page.status == 200
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
    cookie = re.search(r"csrftoken=(\w+)", page.headers["Set-Cookie"])
    assert token
    assert cookie

    def try_to_log_in(number: int, source: str) -> Answer:
        # A new person each time, so that only the address can be what is counted.
        form = f"csrfmiddlewaretoken={token[1].decode()}&login=p{number}%40x.test&password=wrong"
        return site.proxy.ask(
            "/login/",
            source=source,
            method="POST",
            body=form.encode(),
            Content_Type="application/x-www-form-urlencoded",
            Cookie=f"csrftoken={cookie[1]}",
            Origin=f"https://{HOST}",
            Accept_Language="en",
            X_Forwarded_For=f"203.0.113.{number}",
        )

    def refused(answer: Answer) -> bool:
        assert answer.status in (200, 429), answer.body
        return answer.status == 429 or b"wrong too often" in answer.body

    refusals = [refused(try_to_log_in(number, "127.0.0.5")) for number in range(12)]
    assert refusals[0] is False
    assert refusals[-1] is True
    assert not refused(try_to_log_in(99, "127.0.0.6"))


@pytest.mark.parametrize(
    ("path", "megabytes"),
    [
        ("/search/", 21),
        ("/api/v1/searches/", 21),
        ("/api/v1/dogs/x/photos/", 402),
        ("/staff/", 520),
    ],
)
def test_nginx_refuses_a_body_over_the_limit(site: Site, path: str, megabytes: int) -> None:
    over = site.proxy.announce(path, megabytes * 1024 * 1024 + 1, source="127.0.0.7")
    assert over.status == 413
    assert over.is_nginx


def test_a_photo_of_the_largest_size_is_passed_on(site: Site) -> None:
    photo = jpeg()
    photo += bytes(UPLOAD_MAX_BYTES - len(photo))
    body = (
        b'--limit\r\nContent-Disposition: form-data; name="image"; filename="dog.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + photo + b"\r\n--limit--\r\n"
    )
    answer = site.proxy.ask(
        "/api/v1/searches/",
        source="127.0.0.8",
        method="POST",
        body=body,
        Content_Type="multipart/form-data; boundary=limit",
    )
    # Pawkin's own answer: the search has begun, or there is no model yet to answer it.
    assert answer.status in (202, 503), answer.body
    assert answer.headers["Content-Type"].startswith("application/"), answer.body


def test_plain_http_leads_to_https_which_stays(site: Site) -> None:
    answer = site.proxy.ask_plainly("/dogs/?page=2")
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}/dogs/?page=2")
    assert (
        "max-age=31536000"
        in site.proxy.ask("/", source="127.0.0.9").headers["Strict-Transport-Security"]
    )


def test_foreign_names_get_no_answer(site: Site) -> None:
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        site.proxy.ask_plainly("/", host="other.example")
    with pytest.raises(ssl.SSLError):
        site.proxy.ask("/", source="127.0.0.9", host="other.example")


def test_no_log_of_nginx_holds_what_a_link_carries(site: Site, tmp_path: Path) -> None:
    ask = site.proxy.ask
    ask(f"/saved-searches/confirm/?token={SECRET}", source="127.0.0.10")
    ask(f"/invitations/{SECRET}/", source="127.0.0.10")
    ask(f"/account/password/forgotten/1-{SECRET}/", source="127.0.0.10")
    ask("/", source="127.0.0.10", Referer=f"https://{HOST}/?token={SECRET}")
    ask(f"/photos/x/full/?sig={SECRET}", source="127.0.0.10", host=MEDIA_HOST)
    site.proxy.ask_plainly(f"/unsubscribe/?token={SECRET}")
    # nginx itself complains about these two, in its log of errors and with the whole request.
    site.proxy.announce(f"/search/?token={SECRET}", 10**9, source="127.0.0.10")
    dead = Proxy(tmp_path / "dead", f"127.0.0.1:{free_port()}")
    try:
        dead.start()
        assert dead.ask(f"/?token={SECRET}", source="127.0.0.10").status == 502
    finally:
        dead.stop()
    for proxy in (site.proxy, dead):
        assert SECRET not in proxy.logged()
    lines = (site.proxy.folder / "logs" / "access.log").read_text().splitlines()
    assert any(f"{HOST} GET /saved-searches " in line for line in lines)
    assert any(f"{MEDIA_HOST} GET /photos " in line for line in lines)
    assert not (site.proxy.folder / "logs" / "usual.log").read_text()


def test_one_id_follows_a_request_and_it_is_not_the_visitors(site: Site) -> None:
    answer = site.proxy.ask("/health/live", source="127.0.0.11", X_Request_ID="forged-0123456789")
    given = answer.headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", given or "")
    log = site.proxy.folder / "logs" / "access.log"
    # Either writes its line after it has answered.
    eventually(lambda: f" {given}\n" in log.read_text(), within=5, what="nginx's log has the id")
    eventually(
        lambda: given in site.log.read_text(), within=5, what="the portal's log has the same id"
    )


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/metrics/", "//metrics", "/%6Detrics", "/x/../metrics", "/health", "/ready"],
)
def test_how_things_are_inside_is_not_told_outside(site: Site, path: str) -> None:
    for host in (HOST, MEDIA_HOST):
        answer = site.proxy.ask(
            path, source="127.0.0.12", host=host, Authorization=f"Bearer {TOKEN}"
        )
        assert answer.status == 404
        assert b"pawkin_" not in answer.body


@pytest.mark.parametrize("path", ["/health/live", "/ready", "/metrics"])
def test_those_inside_ask_gunicorn_itself(site: Site, path: str) -> None:
    """Without TLS, by its address: what a probe and Prometheus do."""
    connection = http.client.HTTPConnection("127.0.0.1", site.gunicorn_port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, (answer.status, answer.headers["Location"])
    assert path != "/metrics" or b"pawkin_queue_oldest_seconds" in body


@pytest.mark.parametrize(("path", "status"), [("/ready", 0), ("/nowhere", 1)])
def test_the_containers_own_check_knows_good_from_bad(site: Site, path: str, status: int) -> None:
    script = ROOT / "deploy" / "containers" / "healthcheck.py"
    checked = subprocess.run(
        [sys.executable, "-P", str(script), path, str(site.gunicorn_port)],
        env=site.environment,
        capture_output=True,
    )
    assert checked.returncode == status, checked.stderr


def test_events_are_passed_on_as_they_come(site: Site) -> None:
    photo = b'--e\r\nContent-Disposition: form-data; name="image"; filename="d.jpg"\r\n\r\n'
    begun = site.proxy.ask(
        "/api/v1/searches/",
        source="127.0.0.13",
        method="POST",
        body=photo + jpeg() + b"\r\n--e--\r\n",
        Content_Type="multipart/form-data; boundary=e",
    )
    if begun.status == 503:
        pytest.fail(f"a search cannot be started without workers: {begun.body!r}")
    told = json.loads(begun.body)
    connection = site.proxy.connection("127.0.0.13")
    connection.request(
        "GET",
        f"/api/v1/searches/{told['id']}/events/",
        headers={
            "Host": HOST,
            "Accept": "text/event-stream",
            "Accept-Encoding": "gzip",
            "X-Search-Secret": told["secret"],
        },
    )
    answer = connection.getresponse()
    assert answer.status == 200
    since = time.monotonic()
    first = answer.read1(65536)
    first_after = time.monotonic() - since
    rest = answer.read()
    ended_after = time.monotonic() - since
    connection.close()
    assert first.startswith(b"retry:")
    assert rest
    # The stream lasts three seconds; held back, all of it would come with its end.
    assert first_after < ended_after - 1.5


def test_compression_leaves_the_apis_entity_tags_strong(site: Site) -> None:
    ask: Callable[..., Answer] = site.proxy.ask
    page = ask("/", source="127.0.0.14", Accept_Encoding="gzip")
    assert page.headers["Content-Encoding"] == "gzip"
    listed = ask("/api/v1/dogs/", source="127.0.0.14", Accept_Encoding="gzip")
    assert listed.status == 200
    assert listed.headers["Content-Encoding"] is None


def test_the_media_origin_takes_no_bodies(site: Site) -> None:
    answer = site.proxy.ask("/search/", source="127.0.0.15", method="POST", host=MEDIA_HOST)
    assert answer.status == 403
    assert answer.is_nginx
