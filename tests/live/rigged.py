"""Workers whose models see colours only and have bad habits: `celery -A tests.live.rigged`.

They end their own process at a deadly colour, take their time over a slow one and all memory over a
hungry one. Their clock is as far off as the file `clock` in the data folder says, in seconds. All
else about them (messages, locks, signals, restarts) is the product's.
"""

import os
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from celery.signals import worker_process_init
from django.utils import timezone

from ml.analysis import Analysis
from ml.errors import NoSubject
from portal.celery import app as app
from tests.histogram import HistogramAnalyser, spec

DEADLY = (255, 0, 255)
SLOW = (0, 255, 255)
HUNGRY = (255, 255, 0)
SECONDS = 3.0
# A photo in a batch; makes a reindex long enough to look at.
BATCH_PHOTO_SECONDS = 0.05


class Rigged(HistogramAnalyser):
    def analyse(self, images: Sequence[np.ndarray]) -> list[Analysis | NoSubject]:
        if len(images) > 1:
            time.sleep(BATCH_PHOTO_SECONDS * len(images))
        for image in images:
            colour = image[image.shape[0] // 2, image.shape[1] // 2].astype(int)
            if np.abs(colour - DEADLY).max() < 12:
                os.kill(os.getpid(), signal.SIGKILL)
            if np.abs(colour - SLOW).max() < 12:
                time.sleep(SECONDS)
            if np.abs(colour - HUNGRY).max() < 12:
                np.ones(64 * 2**30, np.uint8)
        return super().analyse(images)


def shifted_now() -> datetime:
    """What `timezone.now` is here: every process of the cluster has the same wrong clock."""
    try:
        shift = float((Path(os.environ["PAWKIN_DATA"]) / "clock").read_text())
    except (FileNotFoundError, ValueError):
        shift = 0.0
    return datetime.now(UTC) + timedelta(seconds=shift)


timezone.now = shifted_now


@worker_process_init.connect
def rig(**_: object) -> None:
    """Before the product's own beginning, which is connected later."""
    from workers import keeper, runtime

    runtime.load_analyser = lambda spec: Rigged()
    keeper.DEAF_SECONDS, keeper.ENDING_SECONDS = 15.0, 4.0
    keeper.available = lambda directory: [spec(), spec("starter-mirror", "b")]
