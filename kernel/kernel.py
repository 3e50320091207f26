"""The kernel: one log, one home, every action by the road. It starts, recovers, serves, and stops."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from infrafabric.kernel.admission import authenticate, check_own_tenant
from infrafabric.kernel.answering import agree, settle_answered, turn_down
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.cancelling import cancel_waiting, check_may_cancel
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.falsify.waiting import falsify_waiting
from infrafabric.kernel.history import History
from infrafabric.kernel.parts import Halt, Journey, Parts
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.projections import ERASED_KEY, ask_digest
from infrafabric.kernel.questions import expire
from infrafabric.kernel.recovery import close_by_hand, recover
from infrafabric.kernel.replaying import Replayed, replay
from infrafabric.kernel.road import travel
from infrafabric.kernel.stations import OnStation
from infrafabric.kernel.undoing import check_undoable
from infrafabric.kernel.words import entries as e
from infrafabric.kernel.words.entries import Kind, erased_key
from infrafabric.kernel.words.names import new_action_id, new_trace_id
from infrafabric.kernel.words.plan import Outcome

__all__ = ["Kernel"]

_SAME = "same:"
"""Begins the keys of events that their own content tells apart."""


class Kernel:
    """Use as: `start`, then `act` and `undo` from any task, then `stop`."""

    def __init__(self, parts: Parts, *, version: str, development: bool, notes: Iterable[str] = ()) -> None:
        """`notes` say what is weaker than usual here; they go into `kernel.started`."""
        self.parts = parts
        self._version = version
        self._development = development
        self._notes = tuple(notes)
        self._keys: dict[tuple[str, str], tuple[str, asyncio.Future[Report]]] = {}
        self._loading: dict[str, asyncio.Lock] = {}
        self._loaded: dict[str, tuple[str, str]] = {}
        self._under_way: dict[str, asyncio.Task[Report]] = {}
        self._halts: dict[str, Halt] = {}
        self._undoing: set[str] = set()
        self._stopping = False
        self._keyed = self._suppressed = 0

    async def start(self) -> dict[str, Outcome | FabricError]:
        """Record the start and close what a former kernel left open; what became of it, as of `recovery.recover`."""
        body = e.KernelStarted(
            version=self._version,
            runtime=self.parts.chassis.runtime_digest,
            development=self._development,
            pid=os.getpid(),
            notes=self._notes,
        )
        await self.parts.log.append(Entry(Kind.KERNEL_STARTED, body))
        ended = await recover(self.parts, self._load)
        await expire(self.parts)
        return {**ended, **await settle_answered(self.parts)}

    async def stop(self, reason: str) -> None:
        """Take no new action, let those under way end, record the stop. The parts are closed by who opened them."""
        self._stopping = True
        while self._under_way:
            await asyncio.wait(self._under_way.values())
        entries = [Entry(Kind.KERNEL_STOPPED, e.KernelStopped(reason=reason))]
        counts = dict(self.parts.refused)
        if self._keyed:
            counts |= {e.ASKS_KEYED: self._keyed, e.ASKS_SUPPRESSED: self._suppressed}
        if counts:
            entries.insert(0, Entry(Kind.COUNTER_FLUSHED, e.CounterFlushed(counts=counts, since="start")))
            self.parts.refused.clear()
        await self.parts.log.append(*entries)

    async def act(self, ask: Ask, watcher: OnStation | None = None) -> Report:
        """Take an ask along the road. Raises IF_ERR_* only for what is counted rather than recorded (see `travel`)."""
        return await self._once(ask, None, watcher)

    async def undo(
        self,
        action: str,
        talent: str,
        why: str,
        *,
        trace: str = "",
        idempotency_key: str = "",
        unattended: bool = False,
        watcher: OnStation | None = None,
    ) -> Report:
        """Take back what `action` changed. Raises IF_ERR_ACTION_UNKNOWN, IF_ERR_UNDO_IMPOSSIBLE."""
        check_own_tenant(self.parts, action, authenticate(self.parts, talent))
        history = History.of(action, self.parts.log.entries(action))
        received = history.received
        if received is None:
            raise FabricError(Code.UNDO_IMPOSSIBLE, f"{action} was erased, so what it did is not known")
        ask = Ask(
            capability=received.capability,
            talent=talent,
            intent=received.intent,
            why=why,
            purpose="undo",
            target=received.target,
            idempotency_key=idempotency_key,
            trace=trace or new_trace_id(),
            undoes=action,
            unattended=unattended,
        )
        if idempotency_key and ((talent, idempotency_key) in self._keys or self._known(ask) is not None):
            return await self._once(ask, history, watcher)
        undone = action in self._undoing or self.parts.log.facts.get("undone", action) is not None
        check_undoable(history, undone)
        self._undoing.add(action)
        try:
            return await self._once(ask, history, watcher)
        finally:
            self._undoing.discard(action)

    async def approve(self, action: str, given: e.ApprovalGiven, watcher: OnStation | None = None) -> Report:
        """Agree to an action that waits, as a person or as a second source; it goes on where nobody else has to agree.

        The report's outcome is `waiting` as long as others must. Raises IF_ERR_ACTION_UNKNOWN, IF_ERR_APPROVAL_INVALID.
        """
        return await self._answer(action, lambda halt: agree(self.parts, action, given, self._load, halt, watcher))

    async def refuse(self, action: str, refused: e.ApprovalRefused) -> Report:
        """End an action that waits, because a person refuses it. Raises as `approve` does."""
        return await self._answer(action, lambda _: turn_down(self.parts, action, refused))

    async def falsify(self, action: str, talent: str, why: str) -> Report:
        """Try to refute the plan of an action that waits for people; one that is refuted ends as refused.

        Raises IF_ERR_ACTION_UNKNOWN, IF_ERR_DENIED for a talent that may not cancel it, IF_ERR_APPROVAL_INVALID where
        it does not wait, and what rebuilding it raises.
        """
        if not why.strip():
            raise FabricError(Code.WHY_REQUIRED, f"no reason was given for falsifying {action}")
        check_may_cancel(self.parts, action, authenticate(self.parts, talent))
        return await self._answer(action, lambda _: falsify_waiting(self.parts, action, self._load, talent, why))

    async def expire(self) -> list[str]:
        """End the questions to people whose time is over; their actions."""
        return await expire(self.parts)

    async def replay(self, action: str) -> Replayed:
        """Repeat an action's guest runs from the record. See `replaying.replay`."""
        return await replay(self.parts, action)

    async def close(self, action: str, outcome: Outcome, talent: str, why: str) -> None:
        """Close an action that is in doubt on the word of a person of its tenant. See `recovery.close_by_hand`.

        Raises IF_ERR_BUSY while the action is under way, IF_ERR_DENIED where no person speaks.
        """
        check_own_tenant(self.parts, action, authenticate(self.parts, talent))
        if not talent.startswith("if://person/"):
            raise FabricError(Code.DENIED, f"{talent} is no person: only one who looked can say what {action} did")
        if action in self._under_way:
            raise FabricError(Code.BUSY, f"{action} is under way", retry_after=1)
        await close_by_hand(self.parts, action, outcome, talent, why)

    @property
    def stopping(self) -> bool:
        """Whether new actions are refused because the kernel ends."""
        return self._stopping

    @property
    def duplicates(self) -> tuple[int, int]:
        """Asks so far that came under an idempotency key, their own or that of their content, and how many of them
        were answered with an action that was there already."""
        return self._keyed, self._suppressed

    @property
    def under_way(self) -> frozenset[str]:
        """The actions that are on the road now."""
        return frozenset(self._under_way)

    async def cancel(self, action: str, talent: str, why: str) -> Report:
        """Let `action` stop before its next write, or stop waiting for people; what became of it.

        Raises IF_ERR_ACTION_UNKNOWN, IF_ERR_NOT_UNDER_WAY, and IF_ERR_DENIED for a talent that may not cancel it.
        """
        if not why.strip():
            raise FabricError(Code.WHY_REQUIRED, f"no reason was given for cancelling {action}")
        check_may_cancel(self.parts, action, authenticate(self.parts, talent))
        running = self._under_way.get(action)
        if running is None:
            return await self._answer(action, lambda _: cancel_waiting(self.parts, action, talent, why))
        self.halt(action, talent, why)
        return await asyncio.shield(running)

    def halt(self, action: str, talent: str, why: str) -> None:
        """Let an action that is under way stop before its next write, and end its pause. Returns at once."""
        self._halts[action].stop(talent, why)

    def wake_halted(self) -> None:
        """End the pauses of the actions that may write no more, so that they see it at once."""
        for action, halt in self._halts.items():
            asked = self.parts.log.facts.get("action", action)
            if asked is None:  # it has not come as far as to write
                continue
            try:
                self.parts.stops.check(asked["talent"], asked["capability"], action)
            except FabricError:
                halt.wake()

    async def forget(self, target: str) -> None:
        """An operator changed a target, or closed its breakers: every driver begins anew with it."""
        self.parts.breakers.forget(target)
        for driver in self.parts.drivers.values():
            await driver.forget(target)

    async def unload(self, adapters: Iterable[str], reason: str) -> None:
        """Drop loaded bundles, by digest: their guests end at once, the next write of their actions is refused."""
        for digest in adapters:
            loaded = await self.drop(digest)
            if loaded is None:
                continue
            capability, version = loaded
            body = e.AdapterUnloaded(capability=capability, version=version, adapter=digest, reason=reason)
            await self.parts.log.append(Entry(Kind.ADAPTER_UNLOADED, body))

    async def drop(self, digest: str) -> tuple[str, str] | None:
        """Drop a loaded bundle whose unloading others record; its capability and version, None where none was."""
        loaded = self._loaded.pop(digest, None)
        if loaded is not None:
            await self.parts.chassis.unload(digest)
        return loaded

    def _check_drivers(self, journey: Journey) -> None:
        """Raise IF_ERR_MANIFEST_INVALID for templates or signals that could not be spoken. A driver for signals that is
        not there is no fault: the target is then looked at again and again."""
        manifest = journey.capability.manifest
        journey.driver.check(manifest)
        if manifest.signals is not None and manifest.signals.driver not in (None, manifest.driver):
            listening = self.parts.drivers.get(manifest.signals.driver)
            if listening is not None:
                listening.check(manifest)

    async def _load(self, journey: Journey) -> None:
        capability = journey.capability
        if capability.digest in self._loaded:
            return
        async with self._loading.setdefault(capability.digest, asyncio.Lock()):
            if capability.digest in self._loaded:
                return
            self.parts.registry.recheck(capability)
            self._check_drivers(journey)
            await self.parts.chassis.load(journey.program)
            try:
                self.parts.registry.recheck(capability)
            except FabricError:
                await self.parts.chassis.unload(capability.digest)
                raise
            manifest = capability.manifest
            body = e.AdapterLoaded(
                tenant=journey.talent.tenant,
                trace=journey.ask.trace,
                capability=manifest.id,
                version=manifest.version,
                adapter=capability.digest,
                publisher=capability.publisher,
            )
            await self.parts.log.append(Entry(Kind.ADAPTER_LOADED, body))
            self._loaded[capability.digest] = (manifest.id, manifest.version)

    async def _once(self, ask: Ask, undoes: History | None, watcher: OnStation | None) -> Report:
        if self._stopping:
            raise FabricError(Code.BUSY, "the kernel is stopping", retry_after=5)
        if not ask.why.strip():
            raise FabricError(Code.WHY_REQUIRED, f"no reason was given for {ask.purpose} of {ask.capability}")
        authenticate(self.parts, ask.talent)
        over = False
        if not ask.idempotency_key:
            ask, over = self._marked(ask)
        if not ask.idempotency_key:
            return await self._travel(ask, undoes, watcher)
        key, digest = (ask.talent, ask.idempotency_key), _digest(ask)
        self._keyed += 1
        running = self._keys.get(key)
        if running is not None:
            if running[0] != digest:
                raise _conflict(ask)
            self._suppressed += 1
            return _answering(ask, await asyncio.shield(running[1]))
        known = None if over else self._known(ask)
        if known is not None:
            self._suppressed += 1
            return _answering(ask, await self._again(known))
        future: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self._keys[key] = (digest, future)
        try:
            report = await self._travel(ask, undoes, watcher)
        except BaseException as error:
            future.set_exception(
                error if isinstance(error, FabricError) else FabricError(Code.INTERRUPTED, "the first ask was cut off")
            )
            future.exception()
            raise
        else:
            future.set_result(report)
            return report
        finally:
            del self._keys[key]

    async def _travel(self, ask: Ask, undoes: History | None, watcher: OnStation | None) -> Report:
        """Take the road in a task of the kernel's own: an asker who goes away stops the action before its next write,
        and never in the middle of something."""
        action, halt = new_action_id(), Halt()
        way = travel(self.parts, ask, action, self._load, halt=halt, watcher=watcher, undoes=undoes)
        return await self._sheltered(action, way, halt)

    async def _sheltered(self, action: str, way: Coroutine[Any, Any, Report], halt: Halt) -> Report:
        task = asyncio.create_task(way)
        self._under_way[action] = task
        self._halts[action] = halt
        task.add_done_callback(lambda _: (self._under_way.pop(action, None), self._halts.pop(action, None)))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            halt.stop()
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    async def _answer(self, action: str, answering: Callable[[Halt], Coroutine[Any, Any, Report]]) -> Report:
        """Answer an action's question in a task of the kernel's own, one answer at a time."""
        while (running := self._under_way.get(action)) is not None:
            await asyncio.wait([running])
        if self._stopping:
            raise FabricError(Code.BUSY, "the kernel is stopping", retry_after=5)
        halt = Halt()
        return await self._sheltered(action, answering(halt), halt)

    def _marked(self, ask: Ask) -> tuple[Ask, bool]:
        """The ask under a key of its own content where its manifest takes equal events for one, and whether the last
        equal one is so long ago that this is another. What cannot even be found is for the road to refuse."""
        if ask.purpose != "apply":
            return ask, False
        facts = self.parts.log.facts
        try:
            window = self.parts.registry.resolve(ask.capability).manifest.limits.duplicates_s
            if not window:
                return ask, False
            ask = replace(ask, idempotency_key=f"{_SAME}{self._resolved(ask)}")
        except FabricError:
            return ask, False
        fact = facts.get("idempotency", f"{ask.talent} {ask.idempotency_key}")
        asked = facts.get("action", fact["action"]) if fact is not None else None
        if fact is None or asked is None or facts.get("open", fact["action"]) is not None:
            return ask, False
        age = (self.parts.now() - datetime.fromisoformat(asked["at"])).total_seconds()
        return ask, age >= window

    def _known(self, ask: Ask) -> str | None:
        """The action already done under the ask's idempotency key. Raises IF_ERR_IDEMPOTENCY_CONFLICT."""
        name = f"{ask.talent} {ask.idempotency_key}"
        fact = self.parts.log.facts.get("idempotency", name)
        if fact is None:
            for key, erased in self.parts.log.facts.scan("idempotency", ERASED_KEY):
                hidden = key.removeprefix(ERASED_KEY)
                if erased_key(name, bytes.fromhex(hidden.partition(":")[0])) == hidden:
                    message = f"the key was used by {erased['action']}, and what that one asked for was erased"
                    raise FabricError(Code.IDEMPOTENCY_CONFLICT, message)
            return None
        recorded = self._resolved(ask)
        if fact["digest"] != recorded:
            raise _conflict(ask)
        return str(fact["action"])

    def _resolved(self, ask: Ask) -> str:
        """`_digest`, with the target that the ask means where it names none."""
        if ask.target is None:
            tenant = self.parts.authority.talent(ask.talent).tenant
            ask = replace(ask, target=self.parts.authority.target_for(ask.capability, None, tenant).name)
        return _digest(ask)

    async def _again(self, action: str) -> Report:
        """The report of an action that was done under the same idempotency key."""
        await expire(self.parts)
        history = History.of(action, self.parts.log.entries(action))
        if history.waiting:
            return history.report(None)
        if not history.ended:
            raise FabricError(Code.IN_DOUBT, f"{action}, asked for under this idempotency key, is not closed")
        return history.report(await self.parts.log.receipt(action))


def _digest(ask: Ask) -> str:
    return ask_digest(
        e.ActionReceived(
            talent=ask.talent,
            target=ask.target or "",
            capability=ask.capability,
            intent=dict(ask.intent),
            why="",
            purpose=ask.purpose,
            undoes=ask.undoes,
        )
    )


def _answering(ask: Ask, report: Report) -> Report:
    """`report` of an earlier ask, as the answer to `ask`. An earlier refusal is one for both.

    Raises IF_ERR_IDEMPOTENCY_CONFLICT where `ask` says more of what must hold than was looked at: a plan that is
    another one, hazards that nobody weighed, attempts to refute it that were not made.
    """
    if report.outcome is Outcome.REFUSED:
        return report
    writes = ask.purpose in ("apply", "undo") and report.plan is not None and bool(report.plan.changes)
    unlike = [
        name
        for name, differs in (
            ("expect", bool(ask.expect) and ask.expect != report.changes_digest),
            ("hazards", not set(ask.hazards) <= set(report.hazards)),
            ("falsify", ask.falsify and writes and not report.attempts),
        )
        if differs
    ]
    if unlike:
        message = f"{report.action} was asked for under the key {ask.idempotency_key[:80]!r} with another"
        raise FabricError(Code.IDEMPOTENCY_CONFLICT, f"{message} {', '.join(unlike)}")
    return report


def _conflict(ask: Ask) -> FabricError:
    return FabricError(
        Code.IDEMPOTENCY_CONFLICT, f"the key {ask.idempotency_key[:80]!r} was used by {ask.talent} for another intent"
    )
