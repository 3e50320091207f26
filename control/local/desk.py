"""What the kernel does for each call over its local door."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from infrafabric.control.house import House, verify_signature
from infrafabric.control.local import calls, wire
from infrafabric.control.recording import check_new, check_recordable
from infrafabric.control.trust_store import load_grace
from infrafabric.kernel.canonical import dumps
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.stations import Station
from infrafabric.kernel.words.entries import TrustGraced
from infrafabric.registry.trust_expiry import read_grace

__all__ = ["Passing", "answer", "read_call"]

Passing = Callable[[dict[str, Any]], None]
"""Tells the caller something before the answer."""

_CALLS: dict[str, type[calls.Call]] = {
    kind.name(): kind
    for kind in (
        calls.Act, calls.Undo, calls.Approve, calls.Refuse, calls.Falsify, calls.Expire, calls.Replay, calls.Close,
        calls.Cancel, calls.Admit, calls.Listen, calls.Record, calls.Adopt, calls.Erase, calls.ConfirmClock,
        calls.ConsoleLink, calls.Refresh, calls.Send,
    )
}  # fmt: skip


def read_call(name: Any, arguments: Any) -> calls.Call:
    """Raises IF_ERR_USAGE for what is no call."""
    kind = _CALLS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise FabricError(Code.USAGE, "the kernel knows no such call")
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FabricError(Code.USAGE, f"{kind.name()}: {where}: {first['msg']}") from None


async def answer(house: House, call: calls.Call, passing: Passing) -> Any:
    """Do what is asked; the answer as JSON. Raises what the house and its kernel raise."""
    kernel = house.kernel

    def passes(action: str, station: Station) -> None:
        passing({"station": [action, station.value]})

    match call:
        case calls.Act():
            return wire.report_to(await kernel.act(wire.ask_from(call.ask), passes))
        case calls.Undo():
            undone = kernel.undo(
                call.action, call.talent, call.why, trace=call.trace, idempotency_key=call.idempotency_key,
                unattended=call.unattended, watcher=passes,
            )  # fmt: skip
            return wire.report_to(await undone)
        case calls.Approve():
            return wire.report_to(await kernel.approve(call.action, call.given, passes))
        case calls.Refuse():
            return wire.report_to(await kernel.refuse(call.action, call.refused))
        case calls.Falsify():
            return wire.report_to(await kernel.falsify(call.action, call.talent, call.why))
        case calls.Expire():
            return await kernel.expire()
        case calls.Replay():
            return wire.replayed_to(await kernel.replay(call.action))
        case calls.Close():
            return await kernel.close(call.action, call.outcome, call.talent, call.why)
        case calls.Cancel():
            return wire.report_to(await kernel.cancel(call.action, call.talent, call.why))
        case _:
            return await _operate(house, call, passing)


async def _operate(house: House, call: calls.Call, passing: Passing) -> Any:
    match call:
        case calls.Admit():
            await house.admit(wire.ask_from(call.ask))
        case calls.Listen():
            await _listen(house, call, passing)
        case calls.Record():
            return await _record(house, [wire.entry_from(entry) for entry in call.entries], call.since)
        case calls.Adopt():
            await house.adopt(_decoded(call.document, "a trust set's document"), call.change, call.why, call.trace)
        case calls.Erase():
            erased = await house.log.erase(call.index, call.why, call.talent, call.trace)
            return wire.appended_to((erased,))
        case calls.ConfirmClock():
            confirmed = await house.log.confirm_clock(call.why, call.talent, call.trace)
            return wire.appended_to((confirmed,))
        case calls.Refresh():
            await house.refresh()
        case calls.Send():
            return await house.send(_decoded(call.frame, "a message"), lambda step: passing({"step": step}))
        case _:
            raise FabricError(Code.INTERNAL, f"nothing is done for the call {call.name()}")
    return None


async def _listen(house: House, call: calls.Listen, passing: Passing) -> None:
    """Tell each time that the target tells of something. Ends with an error when its connection does."""
    opening = (await house.admit(wire.ask_from(call.ask))).signals()
    if opening is None:
        return
    async with opening as signals:
        passing({"listening": True})
        while True:
            await signals.wait()
            passing({"news": True})


async def _record(house: House, entries: list[Entry], since: int) -> int:
    """Append what another process made; the log's size afterwards."""
    trust, origin = house.trusted.trust, house.log.origin
    check_recordable(entries, origin, frozenset(trust.operator_keys), verify_signature)
    graces = [entry.body for entry in entries if isinstance(entry.body, TrustGraced)]
    for body in graces:
        read_grace(dumps(dict(body.document)), house.trusted, origin, house.longest_grace)
    size = await house.record(*entries, since=since, check=lambda: check_new(house.reading, entries))
    if graces and (given := load_grace(house.log.facts, house.trusted, origin, house.longest_grace)) is not None:
        house.take_grace(given)
    return size


def _decoded(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FabricError(Code.USAGE, f"{what} is sent as base64") from None
