"""Capabilities for people and programs. A manifest's texts are its publisher's, so they are shown escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.replaying import Replayed

__all__ = ["list_json", "replay_json", "show_capability", "show_json", "show_list", "show_replay"]


def list_json(house: House) -> list[dict[str, Any]]:
    """Every bundle that is installed or allowed, with the reason against it where there is one."""
    return [
        {
            "capability": row.id,
            "version": row.version,
            "digest": row.digest,
            "publisher": row.publisher,
            "summary": row.manifest.summary if row.manifest is not None else "",
            "usable": row.reason is None,
            "reason": row.reason.as_json() if row.reason is not None else None,
        }
        for row in house.registry.list()
    ]


def show_list(console: Console, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("capability", "version", "publisher", "summary", "usable")
    for row in rows:
        reason = row["reason"]
        state = (
            Text("yes", style="green") if reason is None else Text(f"{reason['code']}: {visible(reason['message'])}")
        )
        name = row["capability"].rpartition("/")[2] or row["digest"][:19]
        summary = visible(row["summary"], 200)
        table.add_row(Text(name), Text(row["version"]), Text(row["publisher"]), Text(summary), state)
    console.print(table if rows else "nothing is installed; `ifctl adapter install BUNDLE` installs a signed bundle")


def show_json(house: House, capability: str) -> dict[str, Any]:
    """The capability that would be used: the usable one, else the highest version that is installed.

    Raises IF_ERR_CAPABILITY_UNKNOWN.
    """
    rows = [row for row in house.registry.list() if row.id == capability and row.manifest is not None]
    if not rows:
        raise FabricError(Code.CAPABILITY_UNKNOWN, f"no bundle of {capability} is installed")
    row = next((one for one in rows if one.reason is None), rows[0])
    assert row.manifest is not None
    return {
        "digest": row.digest,
        "publisher": row.publisher,
        "usable": row.reason is None,
        "reason": row.reason.as_json() if row.reason is not None else None,
        "manifest": row.manifest.as_json(),
    }


def show_capability(console: Console, found: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    manifest = found["manifest"]
    name = manifest["id"].rpartition("/")[2]
    console.print(Text(f"{name} {manifest['version']}  {visible(manifest['summary'])}", style="bold"))
    console.print(
        f"kind {manifest['kind']}, driver {manifest['driver']}, publisher {found['publisher'] or '(untrusted)'}"
    )
    console.print(f"bundle {found['digest']}", soft_wrap=True)
    if found["reason"] is not None:
        reason = found["reason"]
        console.print(Text(f"not usable: {reason['code']}: {visible(reason['message'])}", style="red"))
    required = set(manifest["intent"].get("required", ()))
    fields = Table("intent field", "type", "meaning")
    for field, rule in manifest["intent"].get("properties", {}).items():
        mark = " *" if field in required else ""
        words = ": ".join(visible(rule[key]) for key in ("title", "description") if key in rule)
        fields.add_row(Text(f"{visible(field, 60)}{mark}"), Text(_type(rule)), Text(words))
    console.print(fields)
    effects = Table("effect", "request", "hazards", "summary")
    for effect, rule in manifest["effects"].items():
        way = "read" if rule.get("read") is not None else "write"
        hazards = ", ".join(rule.get("hazards", ())) + (" destructive" if rule.get("destructive") else "")
        request = f"{way} {visible(rule.get(way), 120)}"
        effects.add_row(Text(effect), Text(request), Text(hazards.strip()), Text(visible(rule.get("summary", ""))))
    console.print(effects)
    for need in ("settings", "secrets"):
        console.print(f"{need:<8} {', '.join(manifest.get('requires', {}).get(need, ())) or 'none'}")
    console.print(f"{'scopes':<8} {', '.join(manifest.get('scopes', ())) or 'none'}")


def replay_json(found: Replayed) -> dict[str, Any]:
    return {
        "replayed": True,
        "action": found.action,
        "runs": list(found.runs),
        "requests": found.requests,
        "changes_digest": found.changes_digest,
        "context_digest": found.context_digest,
    }


def show_replay(console: Console, found: Replayed) -> None:
    runs = ", ".join(found.runs) or "none"
    console.print(f"replayed {found.action}: guest runs {runs}; {found.requests} requests and both digests as recorded")


def _type(rule: dict[str, Any]) -> str:
    if "enum" in rule:
        return visible("|".join(str(value) for value in rule["enum"]), 120)
    kind = rule.get("type", "")
    return visible(kind if isinstance(kind, str) else "|".join(kind), 60)
