"""Answers of data.go.kr."""

from __future__ import annotations

import json
from typing import Any

from tests.fuzz.mutation import changed_answer
from tests.fuzz.records import read
from tests.portal.feeds.servers import GATEWAY_ERROR, stray

mutated = changed_answer


def one(data: bytes) -> None:
    """Records or FeedError, and records that fit the rows."""
    read("datagokr", data, {"reaches_back_days": "10"})


def answer(items: Any, code: str = "00") -> bytes:
    body = {"items": items, "numOfRows": 1000, "pageNo": 1, "totalCount": 3}
    told = {"response": {"header": {"resultCode": code, "resultMsg": "NORMAL"}, "body": body}}
    return json.dumps(told, ensure_ascii=False).encode()


def seeds() -> list[bytes]:
    whole = stray(
        2, kindFullNm="[개] 골든 리트리버", kindNm="골든 리트리버", popfile1="http://a/1.jpg",
        noticeEdt="99991231", specialMark="사람을 좋아함, 겁이 많음. 고양이와 잘 지냄",
        sfeHealth="양호", sfeSoci="활발", neuterYn="Y", weight="1~1.2(Kg)",
        age="2026(60일미만)(년생)",
    )  # fmt: skip
    return [
        answer({"item": [stray(1), whole, stray(3, processState="종료(입양)")]}),
        answer({"item": stray(1, kindFullNm="[고양이] 한국 고양이")}),
        answer({"item": stray(1, kindFullNm="", upKindCd="")}),
        answer(""),
        answer("", code="03"),
        answer("", code="22"),
        GATEWAY_ERROR.format("30", "SERVICE_KEY_IS_NOT_REGISTERED_ERROR").encode(),
    ]
