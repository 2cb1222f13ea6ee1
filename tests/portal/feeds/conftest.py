import pytest

from portal.feeds.network import Client
from tests.portal.feeds.servers import serving


@pytest.fixture
def serve(settings):
    """Starts a server that may be asked, though its address is not public."""
    open_now = []

    def start(answer):
        context = serving(answer)
        server = context.__enter__()
        open_now.append(context)
        settings.FEED_ALLOWED_HOSTS = [*settings.FEED_ALLOWED_HOSTS, server.place]
        return server

    yield start
    for context in open_now:
        context.__exit__(None, None, None)


@pytest.fixture
def client_():
    """A client that does not wait between its tries, and notes how long it would have."""
    pauses = []
    client = Client(per_second=10_000, pause=pauses.append)
    client.pauses = pauses
    return client
