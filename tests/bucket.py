"""A bucket on this machine: moto's server, asked over HTTP as any S3-compatible storage is."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings

REGION = "us-east-1"
KEYS = {"access_key": "pawkin", "secret_key": "a secret of the bucket"}
# Nothing listens there.
NOWHERE = "http://127.0.0.1:9"


class Bucket:
    """A new one, seen by its owner's client and not by ours."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.name = f"photos-{uuid.uuid4().hex[:12]}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=REGION,
            aws_access_key_id=KEYS["access_key"],
            aws_secret_access_key=KEYS["secret_key"],
            config=Config(s3={"addressing_style": "path"}),
        )
        self.client.create_bucket(Bucket=self.name)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "MEDIA_S3_BUCKET": self.name,
            "MEDIA_S3_ENDPOINT": self.endpoint,
            "MEDIA_S3_REGION": REGION,
            "MEDIA_S3_ACCESS_KEY": KEYS["access_key"],
            "MEDIA_S3_SECRET_KEY": KEYS["secret_key"],
        }

    def files(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))

    def content(self, name: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.name, Key=name)["Body"].read())

    def put(self, name: str, content: bytes = b"left behind") -> None:
        self.client.put_object(Bucket=self.name, Key=name, Body=content)

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=name)


class Used(Bucket):
    """One that this process keeps its files in."""

    def __init__(self, endpoint: str, settings: Settings) -> None:
        super().__init__(endpoint)
        self.settings = settings
        settings.MEDIA_S3_BUCKET = self.name
        self.use(endpoint)

    def use(self, endpoint: str, **options: Any) -> None:
        from portal.bucket import absence

        absence.end()
        told = {"bucket_name": self.name, "region_name": REGION, "location": "", **KEYS}
        default = {
            "BACKEND": "portal.bucket.Bucket",
            "OPTIONS": {**told, "endpoint_url": endpoint, **options},
        }
        self.settings.STORAGES = {**self.settings.STORAGES, "default": default}

    @contextmanager
    def away(self, **options: Any) -> Iterator[None]:
        """Nobody answers in this block, or with options somebody does who refuses."""
        self.use(self.endpoint if options else NOWHERE, **options)
        try:
            yield
        finally:
            self.use(self.endpoint)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    # It logs every request.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, settings: Settings) -> Used:
    return Used(s3_server, settings)
