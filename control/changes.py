"""Changes of the trust set: signed by root keys, kept as a file, then named by the log. And an operator's grace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.canonical import loads
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, TrustGraced
from infrafabric.keys.keyfile import Protection
from infrafabric.keys.signing import SigningKey
from infrafabric.registry.trust import TrustSet, sign_trust
from infrafabric.registry.trust_edit import rotate_root as rotated
from infrafabric.registry.trust_expiry import Given, make_grace, read_grace

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Adopted", "adopt", "change_trust", "give_grace", "rotate_root", "stored_root_keys"]

ROOT = "root"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A trust set that holds from now on."""

    version: int
    digest: str
    expires: str
    change: str


async def adopt(house: House, document: bytes, change: str, why: str, trace: str, who: str = OPERATOR) -> Adopted:
    """Make `document` the home's trust set, and unload what it no longer allows.

    Raises what `registry.trust.advance` raises; nothing has changed then.
    """
    following = await house.adopt(document, change, why, trace, who)
    return Adopted(following.trust.version, following.digest, following.trust.expires, change)


async def change_trust(
    house: House,
    edit: Callable[[House, TrustSet], tuple[TrustSet, str]],
    signers: Sequence[SigningKey],
    why: str,
    trace: str,
    who: str = OPERATOR,
) -> Adopted:
    """Edit the trust set, sign what follows by `signers`, and adopt it. Raises IF_ERR_TRUST_THRESHOLD."""
    present = house.trusted.trust
    following, words = edit(house, present)
    if len(signers) < present.threshold:
        said = f"{len(signers)} root key(s) are here, {present.threshold} must sign"
        remedy = "Write a proposal for the others to sign: --propose FILE."
        raise FabricError(Code.TRUST_THRESHOLD, said, remedy=remedy)
    return await adopt(house, sign_trust(following, *signers), words, why, trace, who)


async def give_grace(house: House, until: datetime, why: str, trace: str) -> Given:
    """Let what is loaded and allowed go on until then, under the operator's signature; it takes a former grace's place.

    Loaded is what the log saw loaded last of each capability and not unloaded. Raises IF_ERR_GRACE_*, IF_ERR_USAGE for
    an end that is past or before the expiry, and what `House.operator` raises; nothing has changed then.
    """
    trusted = house.trusted
    if until <= max(trusted.trust.expires_at, house.now()):
        said = f"a grace until {until:%Y-%m-%dT%H:%M:%SZ} covers no time: the trust set expires at"
        raise FabricError(Code.USAGE, f"{said} {trusted.trust.expires}", remedy="Name a later end: --until.")
    operator = house.operator(trace)
    document = make_grace(trusted, operator.origin, house.loaded(), until, why, operator.key)
    given = read_grace(document, trusted, operator.origin, house.longest_grace)
    body = TrustGraced(
        talent=OPERATOR, trace=trace, version=trusted.trust.version, trust=trusted.digest, until=given.grace.until,
        why=why, document=loads(document),
    )  # fmt: skip
    await house.record(Entry(Kind.TRUST_GRACED, body, actor=OPERATOR))
    house.take_grace(given)
    return given


async def rotate_root(house: House, signers: list[SigningKey], export: Path | None, why: str, trace: str) -> Adopted:
    """Replace all root keys by one fresh key, kept in a development home or else exported to a new file.

    The new key is stored or exported before the set that names it is adopted, so it is never lost.
    """
    if export is None and not house.home.is_development:
        raise FabricError(
            Code.PRODUCTION_ONLY, "a production home keeps no root key", remedy="Say where it goes: --export-root FILE."
        )
    name = f"{ROOT}-{house.trusted.trust.version + 1}"
    protection = Protection.NONE if house.home.is_development else Protection.PASSPHRASE
    if name in house.keystore.names():  # left by a rotation that did not come to its end
        house.keystore.remove(name)
    key = house.keystore.create(name, protection)
    if export is not None:
        house.keystore.export(name, export)
    old = [stored for stored in house.keystore.names() if stored.partition("-")[0] == ROOT and stored != name]
    following = rotated(house.trusted.trust, [key.public], 1)
    adopted = await adopt(house, sign_trust(following, *signers, key), f"rotate to root key {key.public}", why, trace)
    for stored in old if house.home.is_development else [*old, name]:
        house.keystore.remove(stored)
    return adopted


def stored_root_keys(house: House) -> list[SigningKey]:
    """The root keys of the present trust set that lie in the key store. Raises IF_ERR_KEY_MISSING where none does."""
    wanted = set(house.trusted.trust.root_keys)
    names = [name for name in house.keystore.names() if name.partition("-")[0] == ROOT]
    found = [name for name in names if str(house.keystore.public(name)) in wanted]
    if not found:
        raise FabricError(
            Code.KEY_MISSING, "no root key is in this home", remedy="Give the exported root key: --root-key FILE."
        )
    return [house.keystore.load(name) for name in found]
