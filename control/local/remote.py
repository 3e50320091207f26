"""A house that a running kernel has open: read here, changed and acted on there.

Keys, passphrases and files stay in this process; over the socket go asks, signed entries and reports. Kernel and log
answer the same calls as in a process of their own, as far as doors use them.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from infrafabric.control.admitting import Admitted
from infrafabric.control.home import Home
from infrafabric.control.house import House
from infrafabric.control.local import calls, wire
from infrafabric.control.local.line import Line
from infrafabric.control.log_keys import LOG
from infrafabric.control.operator import OPERATOR
from infrafabric.control.settings import Settings
from infrafabric.kernel.ask import Ask, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Appended, Entry, Signals
from infrafabric.kernel.replaying import Replayed
from infrafabric.kernel.stations import OnStation, Station
from infrafabric.kernel.words.entries import ApprovalGiven, ApprovalRefused
from infrafabric.kernel.words.plan import Outcome
from infrafabric.keys.keystore import Keystore
from infrafabric.registry.registry import AdapterRegistry
from infrafabric.registry.trust import Trusted, advance
from infrafabric.witness.reading import LogReading

if TYPE_CHECKING:
    from infrafabric.kernel.kernel import Kernel
    from infrafabric.witness.log import WitnessLog

__all__ = ["RemoteHouse", "RemoteKernel", "RemoteLog"]


class RemoteHouse(House):
    """A home that another process serves, as that of a command which operates or acts."""

    def __init__(self, home: Home, settings: Settings, log: LogReading, keystore: Keystore, *, acting: bool) -> None:
        super().__init__(home, settings, log, keystore)
        self.line = Line(home.root, lambda: keystore.load(LOG))
        self._log = RemoteLog(log, self.line)
        if acting:
            self.kernel = cast(
                "Kernel", RemoteKernel(self.line, self.registry)
            )  # as far as doors use them: see its test
        self._seen = log.size

    @property
    def log(self) -> WitnessLog:
        return cast("WitnessLog", self._log)

    async def record(self, *entries: Entry, since: int | None = None, check: Callable[[], object] | None = None) -> int:
        """See `House.record`. What was changed since this house was opened is not written over."""
        if check is not None:
            check()
        call = calls.Record(
            entries=tuple(wire.entry_to(entry) for entry in entries), since=self._seen if since is None else since
        )
        self._seen = int(await self.line.call(call))
        return self._seen

    async def adopt(self, document: bytes, change: str, why: str, trace: str, who: str = OPERATOR) -> Trusted:
        assert who == OPERATOR, "commands change the trust set as the operator"
        following = advance(self.trusted, document, self.now())
        text = base64.b64encode(document).decode("ascii")
        await self.line.call(calls.Adopt(document=text, change=change, why=why, trace=trace))
        self.trusted, self.grace, self.grace_fault = following, None, None
        self.registry.update_trust(following)
        return following

    async def refresh(self) -> None:
        self.registry.refresh()
        await self.line.call(calls.Refresh())

    async def send(self, frame: bytes, passed: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
        def passing(told: dict[str, Any]) -> None:
            if "step" in told:
                passed(str(told["step"]))

        text = base64.b64encode(frame).decode("ascii")
        return dict(await self.line.call(calls.Send(frame=text), passing))

    async def admit(self, ask: Ask) -> Admitted:
        shape = wire.ask_to(ask)
        await self.line.call(calls.Admit(ask=shape))
        manifest = self.registry.resolve(ask.capability).manifest

        def signals() -> AbstractAsyncContextManager[Signals] | None:
            return None if manifest.signals is None else _listening(self.line, shape)

        return Admitted(manifest, signals)


class RemoteKernel:
    """The running kernel. Each call is the one of `Kernel` of that name."""

    def __init__(self, line: Line, registry: AdapterRegistry) -> None:
        self._line = line
        self._registry = registry

    async def act(self, ask: Ask, watcher: OnStation | None = None) -> Report:
        return await self._report(calls.Act(ask=wire.ask_to(ask)), watcher)

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
        call = calls.Undo(
            action=action,
            talent=talent,
            why=why,
            trace=trace,
            idempotency_key=idempotency_key,
            unattended=unattended,
        )
        return await self._report(call, watcher)

    async def approve(self, action: str, given: ApprovalGiven, watcher: OnStation | None = None) -> Report:
        return await self._report(calls.Approve(action=action, given=given), watcher)

    async def refuse(self, action: str, refused: ApprovalRefused) -> Report:
        return await self._report(calls.Refuse(action=action, refused=refused), None)

    async def falsify(self, action: str, talent: str, why: str) -> Report:
        return await self._report(calls.Falsify(action=action, talent=talent, why=why), None)

    async def expire(self) -> list[str]:
        return [str(action) for action in await self._line.call(calls.Expire())]

    async def replay(self, action: str) -> Replayed:
        return wire.replayed_from(await self._line.call(calls.Replay(action=action)))

    async def close(self, action: str, outcome: Outcome, talent: str, why: str) -> None:
        await self._line.call(calls.Close(action=action, outcome=outcome, talent=talent, why=why))

    async def cancel(self, action: str, talent: str, why: str) -> Report:
        return await self._report(calls.Cancel(action=action, talent=talent, why=why), None)

    async def _report(self, call: calls.Call, watcher: OnStation | None) -> Report:
        def passing(frame: dict[str, Any]) -> None:
            if watcher is not None and "station" in frame:
                action, station = frame["station"]
                watcher(str(action), Station(station))

        report = wire.report_from(await self._line.call(call, passing))
        with suppress(FabricError):  # what it was planned with is shown beside it, where it can still be had
            self._registry.resolve(report.capability)
        return report


class RemoteLog:
    """The running kernel's log: read from its file, appended to by the kernel. What is not here is `LogReading`'s."""

    def __init__(self, reading: LogReading, line: Line) -> None:
        self._reading = reading
        self._line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reading, name)

    async def erase(self, index: int, why: str, talent: str = "", trace: str = "") -> Appended:
        return await self._appended(calls.Erase(index=index, why=why, talent=talent, trace=trace))

    async def confirm_clock(self, why: str, talent: str = "", trace: str = "") -> Appended:
        return await self._appended(calls.ConfirmClock(why=why, talent=talent, trace=trace))

    async def _appended(self, call: calls.Call) -> Appended:
        (appended,) = wire.appended_from(await self._line.call(call))
        return appended


class _News:
    """Signals that the running kernel hears."""

    def __init__(self, frames: AsyncIterator[dict[str, Any]]) -> None:
        self._frames = frames

    async def wait(self) -> None:
        async for frame in self._frames:
            if "news" in frame:
                return
        raise FabricError(Code.SERVER_UNREACHABLE, "the kernel no longer tells what it hears")


@asynccontextmanager
async def _listening(line: Line, ask: dict[str, Any]) -> AsyncIterator[Signals]:
    async with line.frames(calls.Listen(ask=ask)) as frames:
        async for frame in frames:
            if "listening" in frame:
                break
        else:
            raise FabricError(Code.SERVER_UNREACHABLE, "the kernel cannot listen to that target")
        yield _News(frames)
