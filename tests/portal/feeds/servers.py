"""Servers that speak each feed's protocol as it is published, traps included, on loopback."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    raw_query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """`answer` gives (status, headers, body) for a request; every request is noted."""

    answer: Callable[[Request], tuple[int, dict[str, str], bytes]]
    address: str = ""
    requests: list[Request] = field(default_factory=list)

    @property
    def place(self) -> str:
        return urlsplit(self.address).netloc


@contextlib.contextmanager
def serving(answer: Callable[[Request], tuple[int, dict[str, str], bytes]]) -> Iterator[Server]:
    server = Server(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
            request = Request(
                self.command, parts.path, query, parts.query,
                {k.lower(): v for k, v in self.headers.items()}, body,
            )  # fmt: skip
            server.requests.append(request)
            status, headers, data = server.answer(request)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(data)

        do_GET = do_POST = handle_any

        def log_message(self, *args: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server.address = f"http://127.0.0.1:{listener.server_port}"
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()


def as_json(value: Any, status: int = 200) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps(value, ensure_ascii=False).encode()
    return status, {"Content-Type": "application/json;charset=UTF-8"}, body


@dataclass
class DataGoKrServer:
    """abandonmentPublic_v2: pages, windows by date, one row as an object, a total that is off,
    gateway errors in XML with status 200, and a key that must arrive decoded."""

    rows: list[dict[str, Any]]
    key: str = "a+b/c=="
    broken: str = ""
    total_is_off_by: int = 3
    photos: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if request.path.startswith("/openapi/"):
            data = self.photos.get(request.path)
            return (200, {"Content-Type": "image/jpeg"}, data) if data else (404, {}, b"")
        query = request.query
        if self.broken:
            code, told = self.broken.split(" ")
            return 200, {"Content-Type": "text/xml"}, GATEWAY_ERROR.format(code, told).encode()
        if query.get("serviceKey") != self.key:
            told = GATEWAY_ERROR.format(30, "SERVICE_KEY_IS_NOT_REGISTERED_ERROR")
            return 200, {"Content-Type": "text/xml"}, told.encode()
        assert query["upkind"] == "417000"
        assert int(query["numOfRows"]) <= 1000
        assert query["_type"] == "json"
        if "bgupd" in query:
            low, high, name = query["bgupd"], query["enupd"], "updTm"
            days = [row[name][:10].replace("-", "") for row in self.rows]
        else:
            low, high, name = query["bgnde"], query["endde"], "happenDt"
            days = [row[name] for row in self.rows]
        found = [row for row, day in zip(self.rows, days, strict=True) if low <= day <= high]
        size, page = int(query["numOfRows"]), int(query["pageNo"])
        part = found[(page - 1) * size : page * size]
        items: Any = {"item": part[0] if len(part) == 1 else part} if part else ""
        return as_json(
            {
                "response": {
                    "header": {"reqNo": 1, "resultCode": "00", "resultMsg": "NORMAL SERVICE."},
                    "body": {
                        "items": items,
                        "numOfRows": size,
                        "pageNo": page,
                        "totalCount": len(found) + self.total_is_off_by,
                    },
                }
            }
        )


GATEWAY_ERROR = """<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg>
<returnAuthMsg>{1}</returnAuthMsg><returnReasonCode>{0}</returnReasonCode></cmmMsgHeader>
</OpenAPI_ServiceResponse>"""


def stray(number: int, **changes: Any) -> dict[str, Any]:
    """An item as version 2 gives it."""
    return {
        "desertionNo": f"4483652026{number:05d}",
        "happenDt": "20261020",
        "happenPlace": "한빛로 1",
        "kindCd": "000114",
        "kindNm": "믹스견",
        "kindFullNm": "[개] 믹스견",
        "upKindCd": "417000",
        "colorCd": "검/흰",
        "age": "2024(년생)",
        "weight": "5.2(Kg)",
        "noticeNo": f"경남-한빛-2026-{number:05d}",
        "noticeSdt": "20261020",
        "noticeEdt": "20261030",
        "processState": "보호중",
        "sexCd": "F",
        "neuterYn": "U",
        "specialMark": "온순함",
        "careRegNo": "348527200900001",
        "careNm": "한빛보호소",
        "orgNm": "경상남도 한빛군",
        "updTm": "2026-10-21 10:11:12.0",
        **changes,
    }


@dataclass
class Asm3Server:
    """/service: json_adoptable_animals and animal_image, behind username and password."""

    animals: list[dict[str, Any]]
    password: str = "secret"
    photos: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def __call__(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        query = request.query
        if query.get("password") != self.password or query.get("username") != "pawkin":
            return 401, {}, b"Authorisation failed"
        if query["method"] == "animal_image":
            data = self.photos.get((query["animalid"], query["seq"]))
            return (200, {"Content-Type": "image/jpeg"}, data) if data else (404, {}, b"")
        assert query["method"] == "json_adoptable_animals"
        return as_json(self.animals)


def animal(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "ID": number,
        "SHELTERCODE": f"D2026{number:04d}",
        "ANIMALNAME": f"Rex {number}",
        "SPECIESNAME": "Dog",
        "BREEDNAME": "Golden Retriever / Beagle",
        "BREEDNAME1": "Golden Retriever",
        "BREEDNAME2": "Beagle",
        "CROSSBREED": 1,
        "BASECOLOURNAME": "Black and Tan",
        "SEX": 1,
        "SIZE": 1,
        "WEIGHT": 18.4,
        "DATEOFBIRTH": "2023-04-05T00:00:00",
        "AGEGROUP": "Young Adult",
        "NEUTERED": 1,
        "ISGOODWITHCATS": 1,
        "ISGOODWITHDOGS": 0,
        "ISGOODWITHCHILDREN": 3,
        "ISHOUSETRAINED": 2,
        "ENERGYLEVEL": 4,
        "BONDEDANIMALID": 0,
        "WEBSITEIMAGECOUNT": 0,
        "WEBSITEMEDIANOTES": "A calm boy.<br>Not good with cats &amp; hens.",
        "LASTCHANGEDDATE": "2026-11-01T12:13:14",
        **changes,
    }


@dataclass
class RescueGroupsServer:
    """/public/animals/search/available/dogs of API v5: JSON:API with included pictures."""

    dogs: list[dict[str, Any]]
    key: str = "rg-key"
    size: int = 0

    def __call__(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        if request.path.startswith("/pictures/"):
            return 200, {"Content-Type": "image/jpeg"}, base64.b64decode(TINY_JPEG)
        if request.headers.get("authorization") != self.key:
            return as_json({"errors": [{"status": "401"}]}, 401)
        assert request.method == "POST"
        assert request.path == "/v5/public/animals/search/available/dogs/"
        assert request.headers["content-type"] == "application/vnd.api+json"
        json.loads(request.body)
        size = self.size or int(request.query["limit"])
        page = int(request.query["page"])
        part = self.dogs[(page - 1) * size : page * size]
        included = [item for dog in part for item in dog["included"]]
        return as_json(
            {
                "meta": {
                    "count": len(self.dogs),
                    "countReturned": len(part),
                    "pageReturned": page,
                    "limit": size,
                    "pages": -(-len(self.dogs) // size) or 1,
                },
                "data": [{k: v for k, v in dog.items() if k != "included"} for dog in part],
                "included": included,
            }
        )


def rescue(number: int, address: str = "", **attributes: Any) -> dict[str, Any]:
    pictures = [
        {
            "type": "pictures",
            "id": f"{number}-{order}",
            "attributes": {
                "order": order,
                "original": {"url": f"{address}/pictures/{number}-{order}.jpg"},
                "small": {"url": f"{address}/pictures/{number}-{order}-s.jpg"},
            },
        }
        for order in (2, 1)
    ]
    links = [{"type": "pictures", "id": picture["id"]} for picture in pictures]
    return {
        "type": "animals",
        "id": str(number),
        "attributes": {
            "name": f"Luna {number}",
            "sex": "Female",
            "ageGroup": "Adult",
            "sizeGroup": "Medium",
            "breedPrimary": "Labrador Retriever",
            "breedSecondary": "Sky Terrier Of Nowhere",
            "isBreedMixed": True,
            "isDogsOk": True,
            "isCatsOk": False,
            "isHousetrained": True,
            "energyLevel": "Moderately Active",
            "newPeopleReaction": "Friendly",
            "qualities": ["crateTrained", "affectionate"],
            "descriptionText": "Loves kids. Shy at first.",
            "updatedDate": "2026-11-02T03:04:05Z",
            **attributes,
        },
        "relationships": {"pictures": {"data": links}},
        "included": pictures,
    }


TINY_JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////"
    "////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAA"
    "AAAAAAD/2gAIAQEAAD8AN//Z"
)
