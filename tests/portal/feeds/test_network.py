"""The way out: public addresses only, whatever names, redirects and notations claim."""

import socket
import threading
import time

import pytest

from portal.feeds.errors import FeedError
from portal.feeds.network import Client, is_public
from portal.feeds.secrets import decrypt, encrypt


def refused(call, code):
    with pytest.raises(FeedError) as caught:
        call()
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1",
        "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:0a00:0001::1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_that_are(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://2130706433/",
        "http://0x7f.1/", "http://017700000001/", "https://127.0.0.1:8443/x", "http://[::ffff:127.0.0.1]/",
    ],
)  # fmt: skip
def test_loopback_in_every_notation_is_refused(url):
    refused(lambda: Client(per_second=10_000).get(url), "feed_address_refused")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/", "gopher://x/", "http://", "//x", "http://a@b/",
     "http://exa mple/", "http://x:99999/"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(FeedError):
        Client(per_second=10_000, pause=lambda _: None).get(url)


def test_one_private_address_among_public_ones_is_enough(client_):
    client_.resolve = lambda host, port: ["8.8.8.8", "10.0.0.1"]
    refused(lambda: client_.get("http://both.example/"), "feed_address_refused")


def test_a_redirect_into_the_network_is_refused(serve, client_, settings):
    inside = serve(lambda request: (200, {}, b"secret"))
    outside = serve(lambda request: (302, {"Location": f"{inside.address}/metadata"}, b""))
    settings.FEED_ALLOWED_HOSTS = [outside.place]
    refused(lambda: client_.get(outside.address), "feed_address_refused")
    assert inside.requests == []


def test_a_name_that_changes_its_mind_gains_nothing(serve, client_, settings):
    """DNS rebinding: the first lookup is judged, and no second one is made."""
    inside = serve(lambda request: (200, {}, b"secret"))
    port = int(inside.place.rpartition(":")[2])
    answers = iter([["203.0.114.1"], ["127.0.0.1"], ["127.0.0.1"]])
    connected = []
    client_.attempts = 1

    def resolve(host, _port):
        return next(answers)

    original = socket.create_connection

    def connect(address, *args, **kwargs):
        connected.append(address[0])
        raise OSError("nobody there")

    client_.resolve = resolve
    try:
        import urllib3.util.connection as connection

        before, connection.create_connection = connection.create_connection, connect
        refused(lambda: client_.get(f"http://rebind.example:{port}/"), "feed_unreachable")
    finally:
        connection.create_connection = before
    assert connected == ["203.0.114.1"]
    assert inside.requests == []
    assert socket.create_connection is original


def test_credentials_stay_with_their_host(serve, client_):
    other = serve(lambda request: (200, {}, b"here"))
    first = serve(lambda request: (302, {"Location": f"{other.address}/there"}, b""))
    answer = client_.get(first.address, headers={"Authorization": "secret"})
    assert answer.body == b"here"
    assert first.requests[0].headers["authorization"] == "secret"
    assert "authorization" not in other.requests[0].headers


def test_redirects_end(serve, client_):
    server = serve(lambda request: (302, {"Location": "/again"}, b""))
    client_.attempts = 1
    refused(lambda: client_.get(server.address), "feed_unreachable")
    assert len(server.requests) == 4


def test_more_than_the_limit_is_not_read(serve, client_):
    server = serve(lambda request: (200, {}, b"x" * 200_000))
    refused(lambda: client_.get(server.address, max_bytes=100_000), "feed_answer_too_large")
    assert len(client_.get(server.address, max_bytes=200_000).body) == 200_000


def test_a_slow_drip_is_given_up(client_, settings, monkeypatch):
    monkeypatch.setattr("portal.feeds.network.WHOLE_SECONDS", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    settings.FEED_ALLOWED_HOSTS = [f"127.0.0.1:{listener.getsockname()[1]}"]

    def drip():
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b"1\r\nx\r\n")
                time.sleep(0.05)
        except OSError:
            pass

    threading.Thread(target=drip, daemon=True).start()
    client_.attempts = 1
    begun = time.monotonic()
    refused(
        lambda: client_.get(f"http://127.0.0.1:{listener.getsockname()[1]}/"), "feed_unreachable"
    )
    assert time.monotonic() - begun < 3
    listener.close()


def test_busy_servers_are_asked_again_as_they_say(serve, client_):
    answers = iter([(503, {}, b""), (429, {"Retry-After": "7"}, b""), (200, {}, b"now")])
    server = serve(lambda request: next(answers))
    assert client_.get(server.address).body == b"now"
    assert 0 < client_.pauses[0] <= 1
    assert client_.pauses[1] == 7


def test_a_server_that_stays_busy_is_left(serve, client_):
    server = serve(lambda request: (429, {}, b""))
    refused(lambda: client_.get(server.address), "feed_limit_reached")
    assert len(server.requests) == 4
    assert client_.pauses == sorted(client_.pauses)


def test_no_error_tells_a_key(serve, client_):
    server = serve(lambda request: (403, {}, b""))
    error = refused(
        lambda: client_.get(server.address, params={"serviceKey": "hush"}), "feed_key_refused"
    )
    assert "hush" not in str(error)
    error = refused(
        lambda: client_.get("http://10.0.0.1/x?serviceKey=hush"), "feed_address_refused"
    )
    assert "hush" not in str(error)


def test_keys_are_encrypted_and_survive_a_change_of_secrets(settings):
    settings.FEED_SECRET_KEYS = ["old"]
    stored = encrypt("the key")
    assert "key" not in stored
    settings.FEED_SECRET_KEYS = ["new", "old"]
    assert decrypt(stored) == "the key"
    assert decrypt(encrypt("x")) == "x"
    settings.FEED_SECRET_KEYS = ["new"]
    refused(lambda: decrypt(stored), "feed_key_unreadable")
    assert encrypt("") == "" == decrypt("")
