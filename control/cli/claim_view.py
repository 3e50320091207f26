"""What the asker of a plan rests on, for people and programs: how sure it says it is, and how much of that counts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.kernel.words.entries import ActionReceived

__all__ = ["claim_json", "show_claim"]

SHOWN = 20
"""Pieces of evidence; `--json` has them all."""


def claim_json(house: House, received: ActionReceived) -> dict[str, Any] | None:
    """Confidence as claimed and as it counts, decimals from 0 to 1 as strings, and the evidence, each with whether its
    bytes were handed in and had that hash. None where no confidence counts: nothing was claimed, and need not be."""
    from infrafabric.kernel.claims import assess

    claim = received.claim
    if claim is None:
        asker = house.authority.get("talent", received.talent)
        if asker is None or not asker.get("confidence_required"):
            return None
        return {"claim_id": None, "claimed": None, "raw": None, "counted": "0", "evidence": []}
    evidence = [{**one.as_json(), "checked": one.hash in received.evidence} for one in claim.evidence]
    return {
        "claim_id": claim.claim_id,
        "claimed": str(claim.confidence.normalized),
        "raw": str(claim.confidence.raw),
        "counted": str(Decimal(assess(claim, received.evidence)) / 1000),
        "evidence": evidence,
    }


def show_claim(console: Console, shape: Mapping[str, Any] | None) -> None:
    """One line for the confidence and one for each piece of evidence, marked as the asker's own words."""
    from rich.text import Text

    if shape is None:
        return
    if shape["claimed"] is None:
        said = "counts as 0: the asker has to say how sure it is, and did not"
    else:
        said = f"counts as {shape['counted']}; the asker claims {shape['claimed']} (raw {shape['raw']}, untrusted)"
    console.print(Text.assemble(("sure     ", "bold"), said), soft_wrap=True)
    for one in shape["evidence"][:SHOWN]:
        checked = "checked: its bytes were handed in" if one["checked"] else "NOT checked: only its name was given"
        what = f"{visible(one['type'], 60)} {visible(one['url'], 300)} {one['hash']}"
        console.print(Text(f"  evidence (untrusted): {what}; {checked}", style="italic"), soft_wrap=True)
    if (more := len(shape["evidence"]) - SHOWN) > 0:
        console.print(f"  … and {more} more; --json has them all")
