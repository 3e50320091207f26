"""Verifications and what they found. None of the offline ones opens a home or a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["Result", "anchor_result", "audit_result", "file_result"]


@dataclass(frozen=True, slots=True)
class Result:
    shape: dict[str, Any]
    render: Callable[[Console], None]


def file_result(data: bytes, vkeys: list[str]) -> Result:
    """A receipt or tlog-proof, by the given keys alone. Raises what `witness.verify.verify` raises."""
    from infrafabric.witness.verify import verify

    found = verify(data, vkeys)
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
        "development": found.development,
        "erased": list(found.erased),
        "cosigners": list(found.cosigners),
        "entries": entries,
    }

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        console.print(
            f"verified: {len(entries)} entries in {visible(found.origin)} at size {found.size}", soft_wrap=True
        )
        console.print(f"status   {found.status}{_means(found.status)}", soft_wrap=True)
        if found.action:
            console.print(f"action   {found.action}")
        if found.development:
            console.print("It comes from a DEVELOPMENT home, whose keys lie unprotected.")
        table = Table("index", "at", "kind", "body")
        for entry, json in zip(found.entries, entries, strict=True):
            body = (
                "proven" if entry.body is not None else "erased" if entry.index in found.erased else "not in the file"
            )
            table.add_row(str(entry.index), Text(str(json["at"])), Text(str(json["kind"])), body)
        console.print(table)

    return Result(shape, render)


def anchor_result(anchor: Path, tiles: Path, vkey: str) -> Result:
    """An exported log against what was anchored. Raises IF_ERR_ANCHOR_MISMATCH and what reading them raises."""
    from infrafabric.witness.anchor import verify_from_anchor

    found = verify_from_anchor(anchor, tiles, vkey)
    shape = {"verified": True, **_members(found)}

    def render(console: Console) -> None:
        console.print("verified: the log holds everything that was anchored")
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
