"""Making a home: keys, vault, trust set, log, and the operator; whole, or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infrafabric.control.approver_key import OPERATOR_PERSON
from infrafabric.control.home import Home, Kind
from infrafabric.control.opening_log import open_log
from infrafabric.control.operator import OPERATOR, Operator
from infrafabric.control.settings import Settings
from infrafabric.control.trust_store import keep_trust
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind as EntryKind
from infrafabric.kernel.words.entries import OriginOpened, TrustChanged
from infrafabric.kernel.words.things import Talent
from infrafabric.keys.keyfile import Protection
from infrafabric.keys.keystore import Keystore
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.vault import Vault
from infrafabric.policy.files import digest_of, shipped
from infrafabric.registry.trust import Seen, load, sign_trust
from infrafabric.registry.trust_edit import first
from infrafabric.witness.note import Verifier, check_name

__all__ = ["Made", "make_home"]

TRUST_DAYS = 365
"""A year: long enough to be no chore, short enough that someone still knows how."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new home."""

    root: Path
    kind: Kind
    origin: str
    vkey: str
    keys: Mapping[str, str]
    """Public keys by name, base64."""


async def make_home(
    root: Path,
    kind: Kind,
    *,
    origin: str | None,
    passphrase: Passphrase,
    export_root: Path | None,
    trace: str,
    tell: Callable[[str], None],
) -> Made:
    """Make a home at `root`. A production home's root key goes to `export_root` and does not stay.

    Raises IF_ERR_HOME_EXISTS, IF_ERR_PASSPHRASE_REQUIRED, IF_ERR_NOTE_INVALID for an unfit origin, IF_ERR_EXISTS.
    """
    origin = origin or f"infrafabric.invalid/{secrets.token_hex(8)}"
    check_name(origin)
    development = kind == "development"
    protection = Protection.NONE if development else Protection.PASSPHRASE
    why = f"ifctl init, a {kind} home"
    with Home.create(root, kind, origin) as home:
        tell("making keys")
        keystore = Keystore(home.keys, passphrase, development=development)
        # The publisher's key signs what is written here; nobody trusts it until it is enrolled like any other.
        keys = {name: keystore.create(name, protection) for name in ("root", "operator", "log", "publisher")}
        # With it the operator answers, in person, what agents and services ask.
        keys[OPERATOR_PERSON] = keystore.create(OPERATOR_PERSON, protection)
        keystore.create_identity("vault", protection)
        vault = Vault(home.vault_file, lambda: keystore.load_identity("vault"))
        vault.create()
        expires = datetime.now(UTC) + timedelta(days=TRUST_DAYS)
        trust = first([keys["root"].public], 1, [keys["operator"].public], expires)
        trusted = load(sign_trust(trust, keys["root"]), Seen())
        keep_trust(home.trust, trusted)
        tell("opening the log")
        vkey = str(Verifier(origin, keys["log"].public.raw))
        opened = OriginOpened(talent=OPERATOR, trace=trace, origin=origin, vkey=vkey, why=why)
        change = TrustChanged(
            talent=OPERATOR, trace=trace, version=1, digest=trusted.digest, why=why, change="the first trust set"
        )
        operator = Operator(keys["operator"], origin, trace)
        policies = shipped()
        for name, text in policies.items():
            (home.policies / name).write_text(text, encoding="utf-8", newline="\n")
        log = await open_log(home, Settings(), keys["log"], vault.pseudonym_key)
        try:
            await log.append(
                Entry(EntryKind.ORIGIN_OPENED, opened, actor=OPERATOR),
                Entry(EntryKind.TRUST_CHANGED, change, actor=OPERATOR),
                operator.talent(Talent(id=OPERATOR, roles=("operator",), key=str(keys[OPERATOR_PERSON].public)), why),
                operator.policy(digest_of(policies), policies, why),
            )
        finally:
            await log.close()
        if export_root is not None:
            keystore.export("root", export_root)
        if not development:
            keystore.remove("root")
    return Made(root, kind, origin, vkey, {name: str(key.public) for name, key in keys.items()})
