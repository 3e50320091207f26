"""Opening a home's log to write it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from infrafabric.control.home import Home
from infrafabric.control.settings import Settings
from infrafabric.kernel.projections import project
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.limits import Limits as LogLimits

if TYPE_CHECKING:
    from infrafabric.witness.log import WitnessLog

__all__ = ["log_limits", "open_log"]


async def open_log(
    home: Home, settings: Settings, key: SigningKey, pseudonym_key: bytes, heir: SigningKey | None = None
) -> WitnessLog:
    """The home's log, writable. A log that was rolled back or damaged opens too, and refuses every append.

    `heir` is the key that takes over from `key`, where the log's key is being changed.
    """
    from infrafabric.witness.log import WitnessLog
    from infrafabric.witness.signer import KeySigner
    from infrafabric.witness.slots import Slots
    from infrafabric.witness.sqlite_store import SqliteStore

    return await WitnessLog.open(
        SqliteStore(home.log_file),
        Slots(home.slots_file),
        origin=home.origin,
        signer=KeySigner(key),
        heir=KeySigner(heir) if heir is not None else None,
        pseudonym_key=pseudonym_key,
        project=project,
        clock=time.time,
        limits=log_limits(settings),
        development=home.is_development,
        mark=home.log_file.with_name("standing"),
    )


def log_limits(settings: Settings) -> LogLimits:
    return LogLimits(**settings.witness.model_dump(exclude={"anchors", "anchor_every_s"}))
