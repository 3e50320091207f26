"""docs/api.md: what it says that a request answers is what the request answers.

A block with the language `http` is a request, its JSON body, an empty line, a status, and what the answer holds at
least.
The requests of the page are made in their order, by the home's operator.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from described import Described
from served import Served

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
_BLOCK = re.compile(
    r"^```http\n(?P<method>[A-Z]+) (?P<path>/\S+)\n(?P<body>[\[{].*?)?\n\n(?P<status>\d{3})\n(?P<answer>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


async def test_the_page_says_what_is_answered(served: Served) -> None:
    client = await served.operator()
    client = Described((await client.get("/v1/openapi.json")).json()).checking(client)
    blocks = list(_BLOCK.finditer(PAGE.read_text("utf-8")))
    assert len(blocks) >= 6
    for block in blocks:
        body = json.loads(block["body"]) if block["body"] else None
        answer = await client.request(block["method"], block["path"], json=body)
        assert answer.status_code == int(block["status"]), answer.text
        _holds(json.loads(block["answer"]), answer.json(), f"{block['method']} {block['path']}")


async def test_every_route_of_the_page_is_served(served: Served) -> None:
    document = (await (await served.operator()).get("/v1/openapi.json")).json()
    templates = {re.sub(r"\{[^}]*\}", "{}", path) for path in document["paths"]}
    named = set(re.findall(r"(?:GET|PUT|POST|DELETE) (/v1/[a-z/{}_]+)", PAGE.read_text("utf-8")))
    assert named
    assert {re.sub(r"\{[^}]*\}", "{}", path) for path in named} <= templates


def _holds(wanted: Any, found: Any, place: str) -> None:
    """`found` has at least what `wanted` has."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict), place
        for name, value in wanted.items():
            assert name in found, f"{place}: {name}"
            _holds(value, found[name], f"{place}: {name}")
    elif isinstance(wanted, list):
        assert len(wanted) == len(found), place
        for one, other in zip(wanted, found, strict=True):
            _holds(one, other, place)
    else:
        assert found == wanted, place
