"""Verifications and what they found. None of the offline ones opens a home or a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible
from infrafabric.control.cli.verify_approvals import Answers, answers_in
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.witness.verify import Verified, VerifiedEntry

__all__ = ["Result", "anchor_result", "audit_result", "file_result"]

BEGINNING = "action.received"
ENDINGS = ("action.closed", "action.refused")


@dataclass(frozen=True, slots=True)
class Result:
    shape: dict[str, Any]
    render: Callable[[Console], None]
    error: FabricError | None = None
    """What keeps a file whose proofs hold from being enough."""


def file_result(data: bytes, vkeys: list[str]) -> Result:
    """A receipt or tlog-proof, by the given keys alone. Raises what `witness.verify.verify` raises.

    A receipt whose entries do not run from `action.received` to the one entry that ended the action, with the latter's
    body, proves what it holds but not how the action came out: its `error` is IF_ERR_RECEIPT_INCOMPLETE.
    """
    from infrafabric.witness.verify import verify

    found = verify(data, vkeys)
    is_receipt = found.form == "receipt"
    rekeyed = _rekeyed(found)
    error = _incomplete(found) if is_receipt else None
    answers = answers_in([(str(entry.leaf.kind), entry.body) for entry in found.entries]) if is_receipt else None
    if answers is not None:
        error = answers.error or error
    ending = _ending(found)
    entries = [
        {
            "index": entry.index,
            "kind": str(entry.leaf.kind),
            "at": entry.leaf.at,
            "body": dict(entry.body) if entry.body is not None else None,
        }
        for entry in found.entries
    ]
    shape = {
        "verified": True,
        "form": found.form,
        "origin": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "status": found.status,
        "action": found.action,
        "complete": error is None if is_receipt else None,
        "outcome": ending[0] if ending is not None else None,
        "code": ending[1] if ending is not None else None,
        "development": found.development,
        "not_signed": ["development"],
        "erased": list(found.erased),
        "cosigners": list(found.cosigners),
        "signed_by": list(found.signed_by),
        "entries": entries,
    }
    if rekeyed is not None:
        shape["rekeyed"] = rekeyed
    if answers is not None and (answers.rows or answers.needed):
        shape["approvals"] = {"needed": answers.needed, "agreed": answers.agreed, "answers": list(answers.rows)}
    if error is not None:
        shape["error"] = error.as_json()

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        console.print(
            f"verified: {len(entries)} entries in {visible(found.origin)} at size {found.size}", soft_wrap=True
        )
        console.print(f"status   {found.status}{_means(found.status)}", soft_wrap=True)
        if len(vkeys) > 1:
            for key in found.signed_by:
                console.print(f"key      {visible(key)}", soft_wrap=True)
        if found.action:
            console.print(f"action   {found.action}")
        if is_receipt:
            said = "not proven" if ending is None else " ".join(visible(part, 100) for part in ending if part)
            console.print(Text.assemble("outcome  ", (said, "bold")))
            mark = "from a DEVELOPMENT home, whose keys lie unprotected" if found.development else "not of development"
            console.print(f"mark     the file says: {mark}. Nobody signed this; only the entries are proven.")
        if answers is not None and "approvals" in shape:
            _show_answers(console, answers)
        table = Table("index", "at", "kind", "body")
        for entry, json in zip(found.entries, entries, strict=True):
            body = (
                "proven" if entry.body is not None else "erased" if entry.index in found.erased else "not in the file"
            )
            table.add_row(str(entry.index), Text(str(json["at"])), Text(str(json["kind"])), body)
        console.print(table)
        if rekeyed is not None:
            console.print(
                f"the log's key changes until {visible(rekeyed['until'])}; its new verifier key:", soft_wrap=True
            )
            console.print(visible(rekeyed["vkey"]), soft_wrap=True)

    return Result(shape, render, error)


def _show_answers(console: Console, answers: Answers) -> None:
    console.print(f"people   {answers.agreed} of {answers.needed} agreed; whose a key is, is on the log's word")
    for row in answers.rows:
        by = f"{visible(row['by'], 200)} {row['answer']}"
        if row["source"]:
            console.print(f"           {by}, as a second source: {visible(row['source'], 60)}", soft_wrap=True)
        else:
            holds = "its signature holds" if row["signed"] else "ITS SIGNATURE DOES NOT HOLD"
            console.print(f"           {by}: {holds}, by {_signer(row)}", soft_wrap=True)


def _signer(row: Mapping[str, Any]) -> str:
    passkey = row["passkey"]
    if passkey is None:
        return f"the key {visible(row['key'], 60)}"
    made = f", made at {visible(passkey['origin'], 200)}" if passkey["origin"] else ""
    return f"the passkey {visible(passkey['credential'], 60)}{made}"


def _rekeyed(found: Verified) -> dict[str, str] | None:
    """The new verifier key that the log itself names, where the file is the entry that does so, body and all."""
    entry = found.entries[0]
    if found.form != "entry" or str(entry.leaf.kind) != "log.rekeyed" or entry.body is None:
        return None
    return {name: str(entry.body.get(name, "")) for name in ("vkey", "former", "until", "operator")}


def _incomplete(found: Verified) -> FabricError | None:
    """What the entries lack to tell how the action came out, judged by what is proven of them."""
    kinds = [str(entry.leaf.kind) for entry in found.entries]
    endings = sum(kind in ENDINGS for kind in kinds)
    if kinds.count(BEGINNING) != 1 or kinds[0] != BEGINNING:
        problem = f"it begins with {kinds[0]}, not with {BEGINNING}"
    elif endings == 0:
        problem = f"it ends with {kinds[-1]}, so it does not say how the action ended"
    elif endings > 1:
        problem = f"it holds {endings} entries that end the action"
    elif kinds[-1] not in ENDINGS:
        problem = f"it goes on with {kinds[-1]} after the action ended"
    elif found.entries[-1].body is None:
        problem = "the body that says how the action ended was erased or withheld"
    else:
        return None
    return FabricError(Code.RECEIPT_INCOMPLETE, f"what the receipt holds is genuine, but {problem}")


def _ending(found: Verified) -> tuple[str, str] | None:
    """Outcome and code, as the body of the one entry that ended the action has them; None where none is proven."""
    ends: list[VerifiedEntry] = [entry for entry in found.entries if str(entry.leaf.kind) in ENDINGS]
    if len(ends) != 1 or ends[0].body is None:
        return None
    body = ends[0].body
    refused = str(ends[0].leaf.kind) == "action.refused"
    return "refused" if refused else str(body.get("outcome", "")), str(body.get("code", ""))


def anchor_result(anchor: Path, tiles: Path, vkeys: list[str]) -> Result:
    """An exported log against what was anchored, by the log's keys.

    Raises IF_ERR_ANCHOR_MISMATCH and what reading them raises.
    """
    from infrafabric.witness.anchor import verify_from_anchor

    found = verify_from_anchor(anchor, tiles, *vkeys)
    shape = {"verified": True, **_members(found)}

    def render(console: Console) -> None:
        older = f", but for {len(found.unread)} older anchors that no given key signed" if found.unread else ""
        console.print(f"verified: the log holds everything that was anchored{older}")
        for name, value in _members(found).items():
            console.print(f"  {name:<12} {visible(value)}", soft_wrap=True)

    return Result(shape, render)


async def audit_result(house: House) -> Result:
    """Every stored byte of the home's log. Raises IF_ERR_LOG_DAMAGED naming the first bad entry."""
    from infrafabric.kernel.projections import project

    found = (await house.reading.audit(project)).check()
    shape = {"verified": True, **_members(found)}

    def render(console: Console) -> None:
        console.print("verified: every stored entry, body and fact")
        for name, value in _members(found).items():
            console.print(f"  {name:<12} {visible(value)}", soft_wrap=True)

    return Result(shape, render)


def _members(found: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return {name: _plain(value) for name, value in asdict(found).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float, bool, dict)) else str(value)


def _means(status: str) -> str:
    if status == "checkpointed":
        return ": signed by the log alone, which holds against anyone but its operator"
    return ": others signed the same tree, which holds against the operator too"
