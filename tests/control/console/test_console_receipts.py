"""In a browser: receipts are judged as `ifctl witness verify` judges them, whatever was done to them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from console_browser import Console

from infrafabric.control.cli.verify_view import file_result
from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.note import Verifier

pytestmark = pytest.mark.timeout(120)

Receipt = dict[str, Any]
VERIFY = """async ([receipt, vkey]) => {
  const { verifyReceipt } = await import("/console/receipt.js");
  try { return await verifyReceipt(receipt, [vkey]); } catch (error) { return error.message; }
}"""


def flipped(text: str, at: int = 5) -> str:
    """The base64 of the same bytes but for one bit."""
    raw = bytearray(base64.b64decode(text))
    raw[at] ^= 1
    return base64.b64encode(raw).decode()


def entry(name: str, value: Callable[[Any], Any], at: int = 1) -> Callable[[Receipt], None]:
    def change(receipt: Receipt) -> None:
        receipt["entries"][at][name] = value(receipt["entries"][at][name])

    return change


def member(name: str, value: Callable[[Any], Any]) -> Callable[[Receipt], None]:
    def change(receipt: Receipt) -> None:
        receipt[name] = value(receipt[name])

    return change


def signature(note: str) -> str:
    head, _, line = note.rpartition(" ")
    return f"{head} {flipped(line.strip(), 20)}\n"


FORGERIES: dict[str, Callable[[Receipt], None]] = {
    "a body": entry("body", flipped),
    "a salt": entry("salt", flipped),
    "a leaf": entry("leaf", flipped),
    "a proof": entry("proof", lambda proof: [flipped(proof[0]), *proof[1:]]),
    "a proof that is too short": entry("proof", lambda proof: proof[:-1]),
    "a proof that is too long": entry("proof", lambda proof: [*proof, proof[-1]]),
    "an index": entry("index", lambda index: index + 1),
    "an index before the log": entry("index", lambda index: -1),
    "a body without its salt": entry("salt", lambda salt: None),
    "two entries exchanged": member("entries", lambda entries: [entries[1], entries[0], *entries[2:]]),
    "an entry twice": member("entries", lambda entries: [entries[0], *entries]),
    "no entries": member("entries", lambda entries: []),
    "the origin": member("origin", lambda origin: "elsewhere.example/log"),
    "the version": member("receipt", lambda version: 2),
    "the checkpoint's signature": member("checkpoint", signature),
    "the checkpoint's size": member("checkpoint", lambda note: note.replace("\n", "\n1", 1)),
    "no signature at all": member("checkpoint", lambda note: note.partition("\n\n")[0] + "\n\n"),
    "a member too many": lambda receipt: receipt.update(more=1),
}


async def test_what_holds_and_what_does_not(console: Console) -> None:
    house, page = console.served.house, console.page
    report = await house.kernel.act(console.served.world.lamps(hall=True))
    data, vkey = await house.log.receipt(report.action), house.log.vkey
    await page.goto(f"{console.base}/console/enter")

    async def browser(receipt: bytes, key: str = vkey) -> Any:
        return await page.evaluate(VERIFY, [receipt.decode(), key])

    found, known = await browser(data), file_result(data, [vkey])
    assert (found["complete"], found["ending"], found["origin"]) == (True, "converged", house.log.origin)
    assert (found["action"], found["size"], found["root"]) == (report.action, known.shape["size"], known.shape["root"])
    assert [one["index"] for one in found["entries"]] == [one["index"] for one in known.shape["entries"]]
    assert [one["body"] for one in found["entries"]] == [one["body"] for one in known.shape["entries"]]

    for name, forge in FORGERIES.items():
        receipt = json.loads(data)
        forge(receipt)
        forged = dumps(receipt)
        with pytest.raises(FabricError):
            file_result(forged, [vkey])
        assert isinstance(await browser(forged), str), f"the browser takes {name}"

    twice = data.replace(b'{"checkpoint"', b'{"development":true,"checkpoint"', 1)
    with pytest.raises(FabricError):
        file_result(twice, [vkey])
    assert "form" in await browser(twice), "a member that occurs twice"

    other = str(Verifier(house.log.origin, SigningKey.generate().public.raw))
    assert await browser(data, other) == "the checkpoint is not signed by that log's key"
    name, number, key = vkey.split("+", 2)
    assert "another key's ID" in await browser(data, f"{name}+{number[::-1]}+{key}")

    # What is genuine and not whole.
    cuts: dict[str, Callable[[list[Any]], list[Any]]] = {
        "without its end": lambda entries: entries[:-1],
        "without its beginning": lambda entries: entries[1:],
        "its end withheld": lambda entries: [*entries[:-1], {**entries[-1], "body": None, "salt": None}],
    }
    for name, cut in cuts.items():
        receipt = json.loads(data)
        receipt["entries"] = cut(receipt["entries"])
        error = file_result(dumps(receipt), [vkey]).error
        assert error is not None and error.code is Code.RECEIPT_INCOMPLETE
        assert (await browser(dumps(receipt)))["complete"] is False, name
