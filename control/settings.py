"""The settings of a home, `infrafabric.toml`: every limit with its default and the reason for it.

The file is the only source: no environment variable changes a limit, so what a kernel ran under is what its home says.
Unknown keys are refused. `docs/settings.md` is generated from this model (`python -m infrafabric.control.pages`).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from infrafabric.control.door_settings import MessageSettings, Section, ServeSettings, SloSettings, TelemetrySettings
from infrafabric.kernel.errors import Code, FabricError

__all__ = [
    "ActionSettings",
    "ApprovalSettings",
    "GovernorSettings",
    "SandboxSettings",
    "Settings",
    "TrustSettings",
    "WitnessSettings",
    "load_settings",
]

MAX_BYTES = 1 << 20


def _whole_path(text: str) -> str:
    if not Path(text).is_absolute():
        raise ValueError("is no whole path")
    return text


ExtensionName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]

AnchorFolder = Annotated[str, Field(min_length=1, max_length=4_096), AfterValidator(_whole_path)]


class ActionSettings(Section):
    """`[actions]`: the road that every action takes."""

    plan_fresh_s: Annotated[float, Field(ge=0, le=600)] = 1.0
    """Seconds after which a plan is made again before it is applied: a state rarely outlives a second unseen."""
    intent_bytes: Annotated[int, Field(ge=1_024, le=1 << 20)] = 64 << 10
    """Bytes of an intent: it is what a person or a script asks for, not a file."""
    wait_s: Annotated[float, Field(ge=0, le=3_600)] = 60.0
    """Seconds that an adapter's apply may wait in all, so that a target is not held for ever."""
    poll_first_s: Annotated[float, Field(gt=0, le=10)] = 0.02
    """Seconds before a settling change is looked at again for the first time; doubled each time."""
    poll_most_s: Annotated[float, Field(gt=0, le=60)] = 0.5
    """Longest pause between two looks: what a person would wait before looking again."""
    read_runs: Annotated[int, Field(ge=1, le=10_000)] = 200
    """Times that a settling state is looked at: bounds the verification of one action."""


class SandboxSettings(Section):
    """`[sandbox]`: the guests and the workers that run them."""

    cpu_ms: Annotated[float, Field(ge=10, le=600_000)] = 2_000
    """Milliseconds of CPU that one run may use in all: a usual plan takes 1."""
    memory_bytes: Annotated[int, Field(ge=32 << 20, le=4 << 30)] = 128 << 20
    """Memory of one guest: the Python component has 17 MiB before an adapter does anything."""
    output_bytes: Annotated[int, Field(ge=4_096, le=8 << 20)] = 1 << 20
    """Bytes of one answer of a guest: a plan of 500 changes takes some 200 kB."""
    depth: Annotated[int, Field(ge=8, le=60)] = 48
    """Nesting of one answer: what is stored is hashed as canonical JSON, which stops at 64."""
    requests: Annotated[int, Field(ge=1, le=10_000)] = 64
    """Reads, writes and waits of one run: an adapter reads once and keeps the answer."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Worker processes that serve publishers at once; 0 is one a core, since a guest's work is all CPU."""
    spares: Annotated[int, Field(ge=0, le=16)] = 1
    """Workers kept ready that serve nobody yet: each takes some 50 MB and spares a publisher 0.1 s."""
    seats: Annotated[int, Field(ge=1, le=64)] = 8
    """Runs that hold a guest in one worker at once: each guest keeps 16 MB resident."""
    preload: Annotated[int, Field(ge=0, le=32)] = 4
    """Guests loaded ahead in one worker, so that a plan does not wait for its instance."""
    evict_after_s: Annotated[float, Field(ge=0.01, le=60)] = 0.25
    """Seconds after which a run that waits for the world gives up its guest; it is brought back from its recorded
    answers."""
    recycle_after: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Runs after which a worker is replaced, whatever a library in it may leak."""
    keep_components: Annotated[int, Field(ge=1, le=1_000)] = 8
    """Python components that stay in the home, the newest, to replay what ran on them: each takes 20 MB."""
    allow_unconfined: bool = False
    """Run workers on Linux even where seccomp cannot be applied: only the empty import list then stands between a guest
    and the machine."""


class GovernorSettings(Section):
    """`[governor]`: how often something may be asked for, how much may wait, and what follows when a target fails."""

    waiting: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Actions that may wait for their turn at one target: more would wait longer than anyone who asked."""
    waiting_each: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Of them, actions of one talent: the queue is then never full of one talent's asks."""
    talent_rps: Annotated[float, Field(gt=0, le=10_000)] = 100
    """Actions a second of a talent that has no rate of its own: more than a person or a script means to ask for, and
    few enough that a loop gone wild leaves room for the others."""
    talent_burst: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    """Actions that such a talent may ask for at once: a whole house, or all of a studio's scenes."""
    target_rps: Annotated[float, Field(gt=0, le=10_000)] = 100
    """Actions a second on a target that has no rate of its own, whoever asks: the manifests say what each capability
    can take, and this what all of them can together."""
    target_burst: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    """Actions that may be asked for at once on such a target."""
    failures: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Calls in a row that must fail before a capability's calls to a target are cut off: one or two are a hiccup."""
    open_s: Annotated[float, Field(gt=0, le=3_600)] = 30.0
    """Seconds until one call may try again: a device has started by then, and one try costs a dead one nothing."""
    retry_s: Annotated[float, Field(ge=0, le=600)] = 10.0
    """Seconds from the first attempt at a write to the last: what comes later was meant for another moment. 0: no write
    is tried again."""
    budget_warn_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """Percent of a budget from which on an action that spends of it is told so: early enough to raise it in time."""


class ApprovalSettings(Section):
    """`[approvals]`: plans that wait for people."""

    open_per_talent: Annotated[int, Field(ge=1, le=1_000)] = 20
    """Questions that one talent may have open: one more ends its oldest, so that nobody's flood buries another's
    question, and people are asked no more than they can read."""


class TrustSettings(Section):
    """`[trust]`: the trust set."""

    grace_days: Annotated[int, Field(ge=0, le=14)] = 14
    """Days beyond the trust set's expiry that an operator's grace may reach: enough to bring the root keys together,
    too few to do without them. 0: no grace counts."""


class WitnessSettings(Section):
    """`[witness]`: the log."""

    clock_back_s: Annotated[float, Field(ge=0, le=3_600)] = 5.0
    """Seconds that the clock may run behind the last entry: small steps back are what time daemons do, more is a wrong
    clock."""
    clock_ahead_s: Annotated[float, Field(ge=3_600, le=315_360_000)] = 30 * 86_400.0
    """Seconds that the clock may be ahead of the last entry at start, and of the time that passed since then: a machine
    that lay idle for weeks is usual; more is a date that a person confirms with `ifctl witness clock`."""
    anchors: tuple[AnchorFolder, ...] = ()
    """Directories, each with its whole path, that a kernel which stays open writes checkpoints to: best on media that
    whoever runs the log cannot rewrite. None is made: one that is not there is a disk that is not mounted."""
    anchor_every_s: Annotated[float, Field(ge=1, le=2_592_000)] = 3_600.0
    """Seconds between two anchors, where the log has grown: what could be cut off unseen."""
    disk_reserve_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 40)] = 64 << 20
    """Free bytes below which no new work is taken, so that what is under way can still be recorded."""
    pending_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 32)] = 64 << 20
    """Bytes that may wait to be written: beyond it the disk is too slow for the callers, who are told so."""
    tail_entries: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    """Entries read again at start: what a torn write can have hit. `ifctl witness verify` reads them all."""
    found_entries: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Entries that one query answers."""


class Settings(BaseSettings):
    """All settings of a home. Lengths of time are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    lock_wait_s: Annotated[float, Field(ge=0, le=3_600)] = 10.0
    """Seconds to wait for another kernel to give the home back: commands started at once, each of which takes about a
    second, then queue instead of failing."""
    extensions: tuple[ExtensionName, ...] = ()
    """Trusted extensions to load, by the name of their entry point in the group `infrafabric.extensions`. They are
    native code inside the kernel, so none is loaded that is not named here."""
    actions: ActionSettings = ActionSettings()
    sandbox: SandboxSettings = SandboxSettings()
    governor: GovernorSettings = GovernorSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    trust: TrustSettings = TrustSettings()
    witness: WitnessSettings = WitnessSettings()
    serve: ServeSettings = ServeSettings()
    messages: MessageSettings = MessageSettings()
    slo: SloSettings = SloSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    drivers: Mapping[str, Mapping[str, Any]] = {}
    """A table for each driver, such as `[drivers.http]`, given to it as it stands; the driver's page says what it
    takes."""
    secrets: Mapping[str, Mapping[str, Any]] = {}
    """A table for each backend that keeps secrets outside of the home, such as `[secrets.hashicorp]`, given to it as it
    stands; docs/secrets.md says what each takes."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def load_settings(path: Path) -> Settings:
    """The settings in `path`; the defaults where there is no such file.

    Raises IF_ERR_SETTINGS_INVALID naming the key, and never the value: someone may have put a secret there.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise FabricError(Code.SETTINGS_INVALID, f"{path} is larger than {MAX_BYTES} bytes")
        data = TomlConfigSettingsSource(Settings, toml_file=path)()
    except FileNotFoundError:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise FabricError(Code.SETTINGS_INVALID, f"{path} is no TOML: {error}") from None
    except UnicodeDecodeError:
        raise FabricError(Code.SETTINGS_INVALID, f"{path} is not UTF-8") from None
    except OSError as error:
        raise FabricError(Code.SETTINGS_INVALID, f"{path} cannot be read: {error.strerror}") from None
    try:
        return Settings(**data)
    except ValidationError as error:
        raise FabricError(Code.SETTINGS_INVALID, f"{path}: {'; '.join(_faults(error))}") from None


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _faults(error: ValidationError) -> list[str]:
    faults = []
    for one in error.errors(include_url=False, include_input=False)[:5]:
        key = ".".join(str(part) for part in one["loc"])
        faults.append(f"{key} is no setting" if one["type"] == "extra_forbidden" else f"{key}: {one['msg']}")
    return faults
