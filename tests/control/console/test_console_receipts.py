"""In a browser: receipts are judged as `ifctl witness verify` judges them, whatever was done to them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from authenticator import Authenticator
from console_browser import Console, waiting
from people import People, asked

from infrafabric.control.cli.verify_approvals import answers_in
from infrafabric.control.cli.verify_view import file_result
from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Asked
from infrafabric.kernel.words.entries import ActionDecided, ApprovalGiven
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.kernel.words.plan import Decision, Verdict
from infrafabric.kernel.words.policy import Needs, Pending
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


async def test_the_answers_of_people(console: Console) -> None:
    """Signed by key and by passkey, with what each kind of key signs; and answers that do not hold."""
    served, page, people = console.served, console.page, People()
    device = Authenticator()
    await page.goto(f"{console.base}/console/enter")
    await people.add(served.house, "Ann")
    kinds: dict[str, Any] = {}
    for name, lamp in (("passkey", "hall"), ("key", "porch")):
        report = await waiting(served, lamp=lamp, needed=2)
        question = asked(served.house, report.action)
        await served.house.kernel.approve(report.action, people.agrees(served.house, report, "if://person/Ann"))
        ben = await people.add(served.house, "Ben")
        await served.house.record(served.house.operator(new_trace_id()).passkey(device.passkey(ben), "a test"))
        given = device.agrees(question, ben) if name == "passkey" else people.agrees(served.house, report, ben)
        done = await served.house.kernel.approve(report.action, given)
        assert done.error is None, done.error
        found = await page.evaluate(VERIFY, [(done.receipt or b"").decode(), served.house.log.vkey])
        assert (found["complete"], found["answers"]["needed"], found["answers"]["agreed"]) == (True, 2, 2)
        kinds[name] = [one["how"] for one in found["answers"]["rows"]]
    assert kinds == {"passkey": ["key", "passkey of localhost"], "key": ["key", "key"]}


JUDGE = """async (entries) => {
  const { answersIn } = await import("/console/signed-answers.js");
  try { return await answersIn(entries); } catch (error) { return error.message; }
}"""


async def test_answers_that_do_not_hold(console: Console) -> None:
    page, ann, ben = (
        console.page,
        Authenticator(),
        Authenticator(rp_id="studio.example", origin="https://a.studio.example"),
    )
    await page.goto(f"{console.base}/console/enter")
    pending = Pending(needs=Needs(people=2), nonce="nonce", expires="2026-01-01T00:15:00Z")
    decision = Decision(verdict=Verdict.ESCALATE, rules=("r",), reason="", needs=pending.needs)
    question = Asked("a", "if://agent/A", "default", "c", "t", decision, pending, "changes", "context")
    decided = ActionDecided(decision=decision, changes_digest="changes", context_digest="context", pending=pending)
    first, second = ann.agrees(question, "if://person/Ann"), ben.agrees(question, "if://person/Ben")
    assert first.assertion is not None and second.assertion is not None
    other = replace(question, pending=pending.model_copy(update={"nonce": "another"}))
    answers: dict[str, tuple[ApprovalGiven, ...]] = {
        "both": (first, second),
        "one under two names": (first, ann.agrees(question, "if://person/Ben")),
        "one": (first,),
        "another's": (first.model_copy(update={"assertion": second.assertion}), second),
        "another's key": (
            first.model_copy(
                update={"assertion": first.assertion.model_copy(update={"public_key": second.assertion.public_key})}
            ),
            second,
        ),
        "a key and a passkey": (first.model_copy(update={"key": "a"}), second),
        "another question": (ann.agrees(other, "if://person/Ann"), second),
        "nobody verified": (Authenticator(flags=1).agrees(question, "if://person/Ann"), second),
        "nobody there": (Authenticator(flags=4).agrees(question, "if://person/Ann"), second),
        "a page elsewhere": (Authenticator(origin="https://evil.example").agrees(question, "if://person/Ann"), second),
        "a plain page": (
            Authenticator(rp_id="studio.example", origin="http://studio.example").agrees(question, "if://person/Ann"),
            second,
        ),
        "inside another page": (
            Authenticator(client={"crossOrigin": True}).agrees(question, "if://person/Ann"),
            second,
        ),
        "enrolment": (Authenticator(client={"type": "webauthn.create"}).agrees(question, "if://person/Ann"), second),
    }
    for name, given in answers.items():
        rows: list[tuple[str, dict[str, Any]]] = [
            ("action.decided", decided.as_json()),
            *(("approval.given", one.as_json()) for one in given),
            ("action.decided", decided.model_copy(update={"pending": None}).as_json()),
        ]
        known = answers_in(rows).error
        found = await page.evaluate(JUDGE, [{"leaf": {"kind": kind}, "body": body} for kind, body in rows])
        assert (known is None) == (name == "both"), name
        assert found == known.message if known is not None else found["agreed"] == 2, name
