"""`/v1/capabilities`: what can be done."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from infrafabric.control.api.dependencies import Reading, TheService
from infrafabric.control.cli.capability_view import list_json, show_json
from infrafabric.kernel.words.names import capability_id

__all__ = ["router"]

router = APIRouter(prefix="/capabilities", tags=["capabilities"])


@router.get("/{name:path}")
async def one(name: str, service: TheService, caller: Reading) -> dict[str, Any]:
    """A capability's manifest, and how far it is trusted."""
    return show_json(service.house, capability_id(name))


@router.get("")
async def all_of_them(service: TheService, caller: Reading) -> dict[str, Any]:
    """The installed capabilities, each with whether it may be used."""
    return {"capabilities": list_json(service.house)}
