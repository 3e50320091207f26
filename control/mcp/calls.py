"""What a tool's call does: it asks the kernel as its talent, and tells what came of it, in structured form.

A refusal is a result with `error`, so that an agent reads its code, what to do and when to try again. A plan that waits
for people is no error: its outcome is `waiting`, and its action can be awaited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infrafabric.control.cli.action_view import report_json
from infrafabric.control.cli.plan_view import signed_effects
from infrafabric.control.mcp.tools import HANDLING, MAX_AWAIT_S, offers, tool_names
from infrafabric.kernel.approving import who_must_agree
from infrafabric.kernel.ask import Ask, Purpose, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.history import History
from infrafabric.kernel.stations import OnStation
from infrafabric.kernel.words.access import AccessScope
from infrafabric.kernel.words.names import ActionId, capability_id
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import Talent

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Caller", "call"]

POLL_S = 0.2
"""Seconds between two looks whether people have answered: facts in memory, and soon enough for an agent."""

Why = Annotated[str, Field(min_length=1, max_length=1_000)]


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf tools are called, and what the credentials are for."""

    talent: Talent
    scopes: frozenset[AccessScope] = frozenset(AccessScope)


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Ask(_Given):
    intent: dict[str, Any]
    why: Why
    target: str | None = None
    idempotency_key: Annotated[str, Field(max_length=200)] = ""
    expect: Annotated[str, Field(pattern="^(sha256:[0-9a-f]{64})?$")] = ""


class _AskOf(_Ask):
    capability: str
    falsify: bool = False


class _Look(_Given):
    capability: str
    intent: dict[str, Any]
    why: Why
    target: str | None = None


class _Reasoned(_Given):
    action: ActionId
    why: Why


class _Await(_Given):
    action: ActionId
    timeout_s: Annotated[float, Field(ge=0, le=MAX_AWAIT_S)] = 60


class _Receipt(_Given):
    action: ActionId


async def call(
    house: House,
    caller: Caller,
    name: str,
    arguments: Mapping[str, Any],
    trace: str,
    watcher: OnStation | None = None,
) -> CallToolResult:
    """Call a tool. Never raises IF_ERR_*: a refusal is a result like any other."""
    try:
        shape = await _called(house, caller, name, arguments, trace, watcher)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc'])) or name}: {one['msg']}" for one in error.errors()[:5]]
        shape = {"trace": trace, "error": FabricError(Code.USAGE, "; ".join(faults)).as_json()}
    except FabricError as error:
        shape = {"trace": trace, "error": error.as_json()}
    if "error" in shape:
        shape["error"] = {
            key: house.redactor.redact(value) if isinstance(value, str) else value
            for key, value in shape["error"].items()
        }
    text = json.dumps(shape, ensure_ascii=True, allow_nan=False)  # no hidden character reaches an agent's terminal
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=shape, is_error="error" in shape
    )


async def _called(
    house: House, caller: Caller, name: str, arguments: Mapping[str, Any], trace: str, watcher: OnStation | None
) -> dict[str, Any]:
    handled = HANDLING.get(name)
    _require(caller, handled[0] if handled is not None else AccessScope.ACT)
    match name:
        case "plan" | "dry_run":
            look = _Look.model_validate(arguments)
            return await _ask(house, caller, look.capability, _Ask(**look.model_dump(exclude={"capability"})), trace,
                              watcher, purpose="plan" if name == "plan" else "dry_run")  # fmt: skip
        case "apply":
            given = _AskOf.model_validate(arguments)
            return await _ask(house, caller, given.capability, given, trace, watcher, falsify=given.falsify)
        case "undo":
            reasoned = _Reasoned.model_validate(arguments)
            report = await house.kernel.undo(
                reasoned.action, caller.talent.id, reasoned.why, trace=trace, unattended=True, watcher=watcher
            )
            return _told(house, report)
        case "cancel":
            reasoned = _Reasoned.model_validate(arguments)
            return _told(house, await house.kernel.cancel(reasoned.action, caller.talent.id, reasoned.why))
        case "await_approval":
            awaited = _Await.model_validate(arguments)
            _check_own(house, caller, awaited.action)
            return await _awaited(house, awaited.action, awaited.timeout_s)
        case "receipt":
            wanted = _Receipt.model_validate(arguments).action
            _check_own(house, caller, wanted)
            return {"action": wanted, "receipt": json.loads(await house.reading.receipt(wanted))}
    offer = tool_names(offers(house, caller.talent)).get(name)
    if offer is None:
        raise FabricError(Code.CAPABILITY_UNKNOWN, f"there is no tool {name[:80]!r} for {caller.talent.id}")
    return await _ask(house, caller, offer.manifest.id, _Ask.model_validate(arguments), trace, watcher)


def _require(caller: Caller, scope: AccessScope) -> None:
    if scope not in caller.scopes:
        raise FabricError(Code.SCOPE_MISSING, f"the credentials lack the scope {scope.value}")


async def _ask(
    house: House,
    caller: Caller,
    capability: str,
    given: _Ask,
    trace: str,
    watcher: OnStation | None,
    *,
    purpose: Purpose = "apply",
    falsify: bool = False,
) -> dict[str, Any]:
    ask = Ask(
        capability=capability_id(capability),
        talent=caller.talent.id,
        intent=given.intent,
        why=given.why,
        purpose=purpose,
        target=given.target,
        idempotency_key=given.idempotency_key,
        trace=trace,
        expect=given.expect,
        falsify=falsify,
        unattended=True,
    )
    return _told(house, await house.kernel.act(ask, watcher))


def _told(house: House, report: Report) -> dict[str, Any]:
    shape = report_json(report, signed_effects(house, report))
    if report.outcome is Outcome.WAITING:
        shape.pop("error", None)
        shape["message"] = "waiting for approval"
        if report.pending is not None and report.decision is not None:
            who = who_must_agree(report.pending.needs, report.decision.verdict)
            shape["message"] = f"waiting for approval until {report.pending.expires}: {who}"
    return shape


def _check_own(house: House, caller: Caller, action: str) -> None:
    """Raise IF_ERR_ACTION_UNKNOWN unless the talent, or one that it owns, asked for the action."""
    asked = house.reading.facts.get("action", action)
    own = asked is not None and asked["tenant"] == caller.talent.tenant
    if own and asked is not None and asked["talent"] != caller.talent.id:
        asker = house.authority.get("talent", asked["talent"])
        own = asker is not None and asker.get("owner") == caller.talent.id
    if not own:
        raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {action}")


async def _awaited(house: House, action: str, timeout_s: float) -> dict[str, Any]:
    """What became of the action, once it is over or the time is."""
    with anyio.move_on_after(timeout_s):
        while _is_open(house, action):  # noqa: ASYNC110 - it may be another process that ends it
            await anyio.sleep(POLL_S)
    await house.kernel.expire()
    history = History.of(action, house.reading.entries(action))
    shape = _told(house, history.report(None))
    state: Mapping[str, Any] = house.reading.facts.get("state", action) or {}
    shape["state"] = state.get("state", "")
    return shape


def _is_open(house: House, action: str) -> bool:
    return house.reading.facts.get("open", action) is not None
