"""Entry point for WSGI servers."""

import os
import sys

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

# A request is a few hundredths of a second of Python. Handing over in its middle, every 5 ms to
# whoever else waits, costs a quarter more and makes all of them late.
sys.setswitchinterval(0.1)

application = get_wsgi_application()
