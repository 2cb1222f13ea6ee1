"""The Django project: everything that people and other sites see."""

import os

# Read when NumPy and FAISS are loaded. Their threads wait for the next product by spinning, for 20
# milliseconds after each: a search's half a millisecond took a processor from the networks and the
# pages beside it for as long as the rest of the search.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from .celery import app as celery_app

__all__ = ["celery_app"]
