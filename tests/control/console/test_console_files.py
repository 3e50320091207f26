"""The console's files: what they are served with, that nothing else is, and that none makes HTML from text."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from served import Served

from infrafabric.kernel.words.entries import Kind

STATIC = files("infrafabric.control.console").joinpath("static")
TEXTS = {one.name: one.read_text(encoding="utf-8") for one in STATIC.iterdir() if one.name != "mark.svg"}


async def test_served_under_the_policy(served: Served) -> None:
    client = served.client()
    for name in ("", "enter", "app.js", "console.css", "mark.svg"):
        answer = await client.get(f"/console/{name}")
        assert answer.status_code == 200, name
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert not any("unsafe" in one or "*" in one or "http" in one for one in policy)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        again = await client.get(f"/console/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert (await client.get("/console")).headers["Location"] == "/console/"


@pytest.mark.parametrize(
    "path",
    [
        "/console/none.js", "/console/routes.py", "/console/..%2froutes.py", "/console/%2e%2e/routes.py",
        "/console/static/app.js", "/console/%2fetc%2fpasswd", "/console/index.html%00.js"
    ],
)  # fmt: skip
async def test_nothing_else_is_served(served: Served, path: str) -> None:
    answer = await served.client().get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "IF_ERR_ROUTE_UNKNOWN")


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_file_makes_html_from_text_or_goes_elsewhere(name: str) -> None:
    text = TEXTS[name]
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc|javascript:"
    )
    assert not re.search(forbidden, text), "text is set as text"
    assert not re.search(r"""(?:src|href|from|import|fetch|url)\W{1,3}(?:https?:)?//""", text), "no other host"
    if name.endswith(".html"):
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text), "the policy lets none inline"


def test_every_kind_of_entry_is_heard() -> None:
    """A browser hears only those server-sent events whose names it was told."""
    named = TEXTS["events.js"].partition("KINDS = [")[2].partition("]")[0]
    assert set(re.findall(r'"([a-z_.]+)"', named)) == {kind.value for kind in Kind}


def test_it_is_small() -> None:
    """What a page loads is less than a photograph, and each file is one to read."""
    assert sum(len(text) for text in TEXTS.values()) < 120_000
    assert all(text.count("\n") < 400 for text in TEXTS.values())
