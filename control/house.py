"""The one place that puts the parts together: from a home on disk to a log, a registry and a kernel at work.

| mode | lock | log | keys | sandbox |
|---|---|---|---|---|
| `reading` | no | read-only, beside a running kernel | none | no |
| `operating` | yes | writable | operator's and the log's | no |
| `acting` | yes | writable | operator's and the log's | yes |
| `alone` | yes | as `operating`, for what no kernel may be asked to do for another process | | |
| `serving` | yes | as `acting`, by the kernel that other processes then ask | | |

Where a kernel serves the home, `operating` and `acting` take no lock: what they do, that kernel does for them
(`control/local`).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from infrafabric.control.breaking import closings
from infrafabric.control.former_secrets import drop_former_secrets
from infrafabric.control.home import FORMAT, Home
from infrafabric.control.lock import HomeLock
from infrafabric.control.log_keys import load_log_keys, log_publics, lost_key, settle_log_key
from infrafabric.control.logger import LateLogger
from infrafabric.control.opening_log import log_limits, open_log
from infrafabric.control.operator import OPERATOR, Operator
from infrafabric.control.recording import check_unchanged
from infrafabric.control.settings import Settings, load_settings
from infrafabric.control.stopping import record_stops
from infrafabric.control.trust_store import keep_trust, load_grace, load_trust
from infrafabric.kernel.authority import Authority
from infrafabric.kernel.clock import AccountedClock, moment
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry, SecretBackend
from infrafabric.kernel.words.entries import AdapterUnloaded, BreakerChanged, Kind, TargetChanged, TrustChanged
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.names import HOME_TENANT, talent_id
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.library_log import from_libraries
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.keys.references import References
from infrafabric.keys.signing import PublicKey
from infrafabric.keys.vault import Vault
from infrafabric.registry.registry import AdapterRegistry, Unload
from infrafabric.registry.store import BundleStore
from infrafabric.registry.trust import Trusted, advance
from infrafabric.registry.trust_expiry import Given, expiry_warning
from infrafabric.witness.reading import LogReading

if TYPE_CHECKING:
    from infrafabric.control.admitting import Admitted
    from infrafabric.control.messages.door import MessageDoor
    from infrafabric.kernel.ask import Ask
    from infrafabric.kernel.kernel import Kernel
    from infrafabric.kernel.stations import Station
    from infrafabric.witness.log import WitnessLog

__all__ = ["House", "Mode", "open_house"]

Mode = Literal["reading", "operating", "acting", "alone", "serving"]


class House:
    """A home with its parts, open for as much as its mode says."""

    def __init__(
        self, home: Home, settings: Settings, log: LogReading, keystore: Keystore, vault: Vault | None = None
    ) -> None:
        """Raises IF_ERR_TRUST_* where the log names no trust set that is there."""
        self.home = home
        self.settings = settings
        self.reading = log
        self.keystore = keystore
        self.redactor = SecretRedactor()
        self.logger = LateLogger(self.redactor.redact)
        self.vault = vault or Vault(home.vault_file, lambda: keystore.load_identity("vault"))
        self._backends: Mapping[str, SecretBackend] | None = None
        self.secrets = References(self.vault, self.redactor, backends=self.secret_backends)
        self.trusted = load_trust(home.trust, log.facts)
        self.bundles = BundleStore(home.bundles)
        self.grace: Given | None = None
        self.grace_fault: FabricError | None = None
        """Why the grace that the log holds does not count."""
        try:
            self.grace = load_grace(log.facts, self.trusted, log.origin, self.longest_grace)
        except FabricError as error:
            if error.code is Code.LOG_DAMAGED:
                raise
            self.grace_fault = error
        self.registry = AdapterRegistry(self.bundles, self.trusted, now=_now, grace=self.grace)
        self.authority = Authority(
            log.facts, log.origin, lambda: frozenset(self.trusted.trust.operator_keys), verify_signature
        )
        self.warnings = self.trust_warnings()
        self.changing = asyncio.Lock()
        """Held while what operators said is compared and changed."""
        self._kernel: Kernel | None = None

    def secret_backends(self) -> Mapping[str, SecretBackend]:
        """What keeps secrets outside of the home, by scheme. Raises IF_ERR_SETTINGS_INVALID, IF_ERR_EXTRA_MISSING."""
        if self._backends is None:
            from infrafabric.control.secret_backends import load_backends

            self._backends = load_backends(self.settings, self.secrets.resolve)
        return self._backends

    # --- what only some modes have

    @property
    def log(self) -> WitnessLog:
        """The writable log, in `operating` and `acting`."""
        from infrafabric.witness.log import WitnessLog

        assert isinstance(self.reading, WitnessLog), "the house is open for reading"
        return self.reading

    @property
    def kernel(self) -> Kernel:
        """The kernel, in `acting`."""
        assert self._kernel is not None, "the house is not open for acting"
        return self._kernel

    @kernel.setter
    def kernel(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def operator(self, trace: str) -> Operator:
        """The operator's key at work. Raises IF_ERR_KEY_*, IF_ERR_PASSPHRASE_*, IF_ERR_OPERATOR_UNKNOWN."""
        key = self.keystore.load("operator")
        if str(key.public) not in self.trusted.trust.operator_keys:
            raise FabricError(Code.OPERATOR_UNKNOWN, f"the trust set does not name the operator key {key.public}")
        return Operator(key, self.log.origin, trace)

    async def record(self, *entries: Entry, since: int | None = None, check: Callable[[], object] | None = None) -> int:
        """Append entries; they are durable and under a signed checkpoint on return. A changed target begins anew, its
        breakers closed, and a kernel drops what they say is unloaded. Gives the size of the log then.

        `since` is the size of the log that the changes rest on: raises IF_ERR_CHANGED_MEANWHILE where one of the
        records that they replace was changed after it, and nothing is appended then. `check` is asked while nobody else
        changes anything: what it raises refuses the records.
        """
        async with self.changing:
            if check is not None:
                check()
            if since is not None:
                check_unchanged(self.reading, entries, since)
            await self._append(*entries)
            return self.log.size

    async def _append(self, *entries: Entry) -> None:
        changed = [entry.body for entry in entries if isinstance(entry.body, TargetChanged)]
        closed = [
            entry
            for body in changed
            for entry in closings(self.log.facts, body.value.name, tenant=body.tenant, trace=body.trace, why=body.why)
        ]
        await self.log.append(*entries, *closed)
        if self._kernel is None:
            return
        reset = [entry.body.target for entry in entries if isinstance(entry.body, BreakerChanged)]
        for target in dict.fromkeys([*(body.value.name for body in changed), *reset]):
            await self._kernel.forget(target)
        for entry in entries:
            if isinstance(entry.body, AdapterUnloaded):
                await self._kernel.drop(entry.body.adapter)

    @functools.cached_property
    def clock(self) -> AccountedClock:
        """The time by which grants end: a wall clock that was set back before the log's last entry revives none."""
        last = self.reading.entry(self.reading.size - 1).parsed.at
        return AccountedClock(floor=moment(last).timestamp())

    @functools.cached_property
    def messages(self) -> MessageDoor:
        """Where messages are admitted, in `acting` and `serving`."""
        from infrafabric.control.messages.door import MessageDoor

        return MessageDoor(self)

    # --- what is here

    @property
    def longest_grace(self) -> timedelta:
        """How far beyond the trust set's expiry a grace may reach in this home."""
        return timedelta(days=self.settings.trust.grace_days)

    def manifests(self) -> list[Manifest]:
        """The manifests of all installed bundles, allowed or not."""
        return [row.manifest for row in self.registry.list() if row.manifest is not None]

    def target_names(self) -> list[str]:
        return [name for name, _ in self.authority.scan("target")]

    def now(self) -> datetime:
        """The time by which trust sets and graces are judged."""
        return _now()

    def loaded(self) -> tuple[str, ...]:
        """Digests of the bundles that the log saw loaded, the last of each capability, and that are still allowed."""
        last = {fact["adapter"] for _, fact in self.reading.facts.scan("adapter")}
        allowed = (row for row in self.registry.list() if row.reason is None or row.reason.code is Code.TRUST_EXPIRED)
        return tuple(sorted(row.digest for row in allowed if row.digest in last))

    def installed(self, capability: str, version: str, digest: str | None) -> str:
        """Digest of the installed bundle of that id and version.

        Raises IF_ERR_CAPABILITY_UNKNOWN, IF_ERR_BUNDLE_AMBIGUOUS where several are and `digest` names none of them.
        """
        found = [
            row.digest
            for row in self.registry.list()
            if row.manifest is not None and (row.id, row.version) == (capability, version)
        ]
        if digest is not None:
            found = [one for one in found if one == digest]
        if not found:
            raise FabricError(Code.CAPABILITY_UNKNOWN, f"no bundle of {capability}@{version} is installed")
        if len(found) > 1:
            raise FabricError(
                Code.BUNDLE_AMBIGUOUS, f"several bundles of {capability}@{version} are installed: {', '.join(found)}"
            )
        return found[0]

    def talent_named(self, name: str) -> str:
        """The full id of a talent given in full or by its bare name, of whatever kind it is.

        Raises IF_ERR_NAME_INVALID, IF_ERR_TALENT_UNKNOWN.
        """
        if name.startswith("if://"):
            return talent_id(name)
        ids = [talent_id(name, kind) for kind in ("person", "agent", "service")]
        found = [one for one in ids if self.authority.get("talent", one) is not None]
        if not found:
            raise FabricError(Code.TALENT_UNKNOWN, f"there is no talent {name}")
        if len(found) > 1:
            raise FabricError(Code.NAME_INVALID, f"{name} could be {' or '.join(found)}")
        return found[0]

    async def adopt(self, document: bytes, change: str, why: str, trace: str, who: str = OPERATOR) -> Trusted:
        """Make `document` the home's trust set: kept as a file, then named by the log; then `take_trust`.

        Raises what `registry.trust.advance` raises; nothing has changed then.
        """
        async with self.changing:
            following = advance(self.trusted, document, _now())
            keep_trust(self.home.trust, following)
            body = TrustChanged(
                talent=who, trace=trace, version=following.trust.version, digest=following.digest, why=why,
                change=change,
            )  # fmt: skip
            await self._append(Entry(Kind.TRUST_CHANGED, body, actor=who))
            await self._unload(self.registry.refresh())  # another process may have installed what the set allows
            await self.take_trust(following)
        return following

    async def take_trust(self, trusted: Trusted) -> None:
        """Judge by another trust set from now on; what it no longer allows is unloaded. A grace ends with its set."""
        self.trusted, self.grace, self.grace_fault = trusted, None, None
        await self._unload(self.registry.update_trust(trusted))

    async def refresh(self) -> None:
        """Look again at the bundles and secrets in the home's folders, which somebody changed."""
        await self._unload(self.registry.refresh())
        self.learn()

    def learn(self) -> None:
        """Mask the vault's values: one may stand in an intent for a target that refers to no secret."""
        for kept in self.vault.all_kept().values():
            for value in (kept.value, *(former.value for former in kept.former)):
                with suppress(FabricError):  # too short to be told from other words
                    self.redactor.learn(value, kept.use.tenant or HOME_TENANT)

    async def admit(self, ask: Ask) -> Admitted:
        """What an ask is about. Raises what would turn it away before it is planned; see `admitting.admit`."""
        from infrafabric.control.admitting import admit

        return await admit(self.kernel, ask)

    async def send(self, frame: bytes, passed: Callable[[str], None] = lambda step: None) -> dict[str, Any]:
        """Admit a message of whoever has the home open, and do what a request asks for; `passed` hears each step.

        The answer is that of `control.messages.answers.answer_json`. Raises as `MessageDoor.take` does.
        """
        from infrafabric.control.messages.door import LOCAL

        def station(action: str, station: Station) -> None:
            passed(f"{station.value} {action}")

        return await self.messages.take(frame, LOCAL, passed=passed, watcher=station)

    async def _unload(self, gone: tuple[Unload, ...]) -> None:
        if self._kernel is not None:
            for unload in gone:
                await self._kernel.unload([unload.capability.digest], unload.reason.message)

    def take_grace(self, given: Given) -> None:
        """Let what the grace covers go on after the present set's expiry."""
        self.grace, self.grace_fault = given, None
        self.registry.update_trust(self.trusted, given)

    def trust_warnings(self) -> list[str]:
        """What is to be said of the trust set's age, and of a grace that does not count."""
        trusted, now = self.trusted, _now()
        found = [] if self.grace_fault is None else [f"the grace in the log does not count: {self.grace_fault.message}"]
        reached = expiry_warning(trusted, now)
        if reached is None:
            return found
        if reached > 0:
            days = f"{reached} days" if reached > 1 else "a day"
            return [*found, f"the trust set expires at {trusted.trust.expires}, within {days}; `ifctl trust renew`"]
        expired = f"the trust set expired at {trusted.trust.expires}"
        if self.grace is None or now >= self.grace.grace.until_at:
            return [*found, f"{expired}: nothing is loaded; `ifctl trust renew`"]
        covers = f"{len(self.grace.grace.covers)} bundle(s) go on under a grace until {self.grace.grace.until}"
        return [*found, f"{expired}: {covers}; `ifctl trust renew`"]

    def anchoring(self, tell: Callable[[str], None]) -> AbstractAsyncContextManager[Mapping[str, FabricError]]:
        """For a door that stays open: `[witness] anchors` are written meanwhile. See `anchoring.anchoring`."""
        from infrafabric.control.anchoring import anchoring

        return anchoring(self.settings.witness, lambda: self.reading.head, tell)


def verify_signature(key: str, message: bytes, signature: str) -> bool:
    """Whether the base64 `signature` of the base64 `key` holds. Never raises."""
    try:
        return PublicKey.from_base64(key).verify(message, base64.b64decode(signature, validate=True))
    except (FabricError, binascii.Error, ValueError):
        return False


@asynccontextmanager
async def open_house(
    home: Home, mode: Mode, *, passphrase: Passphrase, tell: Callable[[str], None] = lambda text: None
) -> AsyncIterator[House]:
    """Open a home. `tell` hears, in words, what takes time.

    Raises IF_ERR_SETTINGS_INVALID, IF_ERR_HOME_LOCKED, IF_ERR_KEY_*, IF_ERR_PASSPHRASE_*, IF_ERR_VAULT_*,
    IF_ERR_TRUST_*, IF_ERR_LOG_DAMAGED, IF_ERR_SANDBOX_UNAVAILABLE.
    """
    from infrafabric.control.local.place import is_served

    settings = load_settings(home.settings_file)
    keystore = Keystore(home.keys, passphrase, development=home.is_development)
    async with AsyncExitStack() as stack:
        if mode != "reading" or home.format < FORMAT:
            lock = stack.enter_context(home.lock)
            mine = functools.partial(
                lock.acquire, settings.lock_wait_s, waiting=tell, instead=lambda: is_served(home.root)
            )
            if not await asyncio.to_thread(mine):
                if mode == "alone" or mode == "serving":
                    raise _served(home, lock)
                yield await stack.enter_async_context(ask_kernel(home, settings, keystore, mode))
                return
            home.migrate()
        if mode == "reading":
            yield House(home, settings, await stack.enter_async_context(read_log(home, settings, keystore)), keystore)
            return
        key, heir = await asyncio.to_thread(load_log_keys, keystore)
        starting = None
        if mode == "acting" or mode == "serving":
            from infrafabric.control.starting import ending_chassis, start_chassis

            # The sandbox starts while vault and log are opened: together they take no longer than it alone.
            starting = asyncio.create_task(start_chassis(home, settings, key, tell))
            stack.push_async_callback(ending_chassis, starting)
        vault = Vault(home.vault_file, lambda: keystore.load_identity("vault"))
        pseudonym_key = await asyncio.to_thread(lambda: vault.pseudonym_key)
        writable = await open_log(home, settings, key, pseudonym_key, heir)
        stack.push_async_callback(writable.close)
        house = House(home, settings, writable, keystore, vault)
        house.learn()
        house.warnings += lost_key(writable) if heir is None else await settle_log_key(house, tell)
        stack.enter_context(from_libraries(house.logger))
        await drop_former_secrets(house)
        try:
            await record_stops(house)
        except FabricError as error:
            house.warnings.append(f"a stop or its end could not be recorded: {error}")
        if starting is not None:
            from infrafabric.control.starting import start_kernel

            house.kernel = await start_kernel(house, await starting, stack)
        yield house


@asynccontextmanager
async def read_log(home: Home, settings: Settings, keystore: Keystore) -> AsyncIterator[LogReading]:
    """The home's log, read beside whoever writes it. Raises IF_ERR_KEY_*, IF_ERR_LOG_DAMAGED."""
    publics = log_publics(keystore)
    log = LogReading.at(home.log_file, *publics, development=home.is_development, limits=log_limits(settings))
    try:
        yield log
    finally:
        await log.close()


@asynccontextmanager
async def ask_kernel(home: Home, settings: Settings, keystore: Keystore, mode: Mode) -> AsyncIterator[House]:
    """The house as one that a running kernel has open, and that does there what it is asked to do here."""
    from infrafabric.control.local.remote import RemoteHouse

    async with read_log(home, settings, keystore) as log:
        yield RemoteHouse(home, settings, log, keystore, acting=mode == "acting")


def _served(home: Home, lock: HomeLock) -> FabricError:
    said = f"a kernel serves {home.root} already, in {lock.holder()}"
    return FabricError(Code.HOME_LOCKED, said, remedy="This needs the home to itself: end that kernel first (SIGTERM).")


def _now() -> datetime:
    return datetime.now(UTC)
