"""Entries of the log for people and programs. Bodies may quote anyone, so all their text is shown escaped."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.witness.query import Found
    from infrafabric.witness.reading import LogReading, Stored

__all__ = ["action_json", "entry_json", "found_json", "parse_since", "show_entries", "show_found", "summary"]

_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
SHOWN_LINES = 400


def parse_since(text: str) -> int:
    """Unix milliseconds of an RFC 3339 time, or of so long ago: 15m, 2h, 3d. Raises IF_ERR_USAGE."""
    if ago := _AGO.fullmatch(text):
        return int((time.time() - int(ago[1]) * _UNIT_S[ago[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FabricError(
            Code.USAGE, f"--since: {text[:60]!r} is no time; one is 2026-11-21T09:00:00Z or 15m"
        ) from None
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def entry_json(stored: Stored) -> dict[str, Any]:
    """Everything of a stored entry: index, the leaf's members, the body or None where it was erased."""
    leaf = orjson.loads(stored.leaf)
    body = orjson.loads(stored.body) if stored.body is not None else None
    return {"index": stored.index, "leaf": leaf, "body": body, "erased": body is None}


def action_json(reading: LogReading, action: str) -> list[dict[str, Any]]:
    """All entries of an action. Raises IF_ERR_ACTION_UNKNOWN."""
    indexes = [index for index, _, _ in reading.entries(action)]
    if not indexes:
        raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {action[:60]!r}")
    return [entry_json(reading.entry(index)) for index in indexes]


def found_json(found: Found) -> dict[str, Any]:
    body = found.body
    return {
        "index": found.index,
        "at": found.at,
        "kind": str(found.kind),
        "action": found.action,
        "body": dict(body) if body is not None else None,
        "erased": body is None,
    }


def show_found(console: Console, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("index", "at", "kind", "what", "by")
    for row in rows:
        body = row["body"] or {}
        # An answer to a plan that waits is the approver's act; its `talent` is who asked.
        who = body.get("approver") or body.get("talent", "")
        by = visible(str(who).removeprefix("if://"), 60)
        what = "(erased)" if row["erased"] else visible(summary(row["kind"], body), 200)
        table.add_row(str(row["index"]), Text(row["at"]), Text(row["kind"]), Text(what), Text(by))
    console.print(table if rows else "no entry fits")


def show_entries(console: Console, rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    for row in rows:
        leaf = row["leaf"]
        console.print(Text(f"entry {row['index']}  {leaf['kind']}  {leaf['at']}", style="bold"))
        if row["erased"]:
            console.print("  its body was erased")
            continue
        lines = json.dumps(row["body"], indent=2, ensure_ascii=False).splitlines()
        for line in lines[:SHOWN_LINES]:
            console.print(Text(f"  {visible(line, 2_000)}"), soft_wrap=True)
        if len(lines) > SHOWN_LINES:
            console.print(f"  … {len(lines) - SHOWN_LINES} more lines; --json has them all")


def summary(kind: str, body: dict[str, Any]) -> str:
    """What an entry says, in one line."""
    short = str(body.get("capability", "")).rpartition("/")[2]
    target = body.get("target", "")
    match kind:
        case "action.received":
            return f"{body['purpose']} {short} on {target}: {body['why']}"
        case "action.refused":
            return f"{body['code']}: {body['message']}"
        case "action.planned":
            return f"{len(body['plan'].get('changes', ()))} change(s)"
        case "action.decided":
            decision = body["decision"]
            return f"{decision['verdict']}: {decision['reason']}"
        case "effect.intended":
            attempt = f" (attempt {body['attempt']})" if body.get("attempt", 1) > 1 else ""
            return f"{body['change']}{attempt}: {body['request']}"
        case "effect.observed":
            again = (body.get("retry") or {}).get("next_at", "")
            tried = f", tried again at {again}" if again else ""
            return f"{body['change']}: {body['result']} {body.get('code', '')}".rstrip() + tried
        case "action.closed":
            return f"{body['outcome']} {body.get('code', '')}".rstrip()
        case "trust.changed":
            return f"version {body['version']}: {body['change']}: {body['why']}"
        case "trust.graced":
            return f"version {body['version']} until {body['until']}: {body['why']}"
        case "target.changed":
            return f"{body['change']} {body['value']['name']}: {body['why']}"
        case "talent.changed":
            return f"{body['change']} {body['value']['id']}: {body['why']}"
        case "grant.changed":
            value = body["value"]
            capability = value["capability"].rpartition("/")[2]
            return f"{body['change']} {value['talent']} {capability} on {value['target']}: {body['why']}"
        case "breaker.changed":
            said = f"{body['state']} {short} on {target} {body.get('cause', '')}".rstrip()
            return f"{said}: {body['why']}" if body.get("why") else said
        case "secret.changed":
            return f"{body['change']} {body['name']}: {body['why']}"
        case "adapter.loaded" | "adapter.unloaded":
            return f"{short} {body['version']} {body.get('reason', '')}".rstrip()
        case "kernel.started":
            return f"version {body['version']}"
        case "kernel.stopped" | "body.erased":
            return str(body.get("reason") or f"entry {body.get('index')}: {body.get('why')}")
        case _:
            return str(body.get("why", ""))
