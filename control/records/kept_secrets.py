"""Secrets of the vault: each change on record, who may use them and who refers to them. No value is ever answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, SecretChanged
from infrafabric.kernel.words.names import HOME_TENANT, TARGET, TENANT
from infrafabric.kernel.words.things import Target
from infrafabric.keys.ordinary import ENOUGH_BITS, guessing_bits
from infrafabric.keys.redaction import SecretRedactor, check_secret
from infrafabric.keys.vault import NAME
from infrafabric.keys.vault_content import Kept, Use

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["LONGEST_OVERLAP_S", "change_secret", "check_name", "doubts", "known_secrets", "rotating", "use_of"]

LONGEST_OVERLAP_S = 90 * 86_400


async def change_secret(
    house: House, name: str, change: str, why: str, alter: Callable[[House], None], *, trace: str, who: str = OPERATOR,
    value: str | None = None, known: bool = False, former: bool = False, confined: bool = False, **said: Any,
) -> dict[str, Any]:  # fmt: skip
    """Record the change, then make it: a secret that the log knows nothing of must not exist. What changed, as JSON.

    `known`: the secret must be there already; `former`: it must have a former value; `confined`: who asks is another
    tenant's operator, whose value must be hard to guess. Raises IF_ERR_SECRET_*, IF_ERR_ARGUMENT_SECRET where the
    reason or the name holds the value. The redactor learns the value when nothing speaks against the change.
    """
    values = [] if value is None else [value]
    tenant = str(said.get("of_tenant", "")) or HOME_TENANT
    if value is not None:
        _check_value(house, value, confined)
    if known or former or (value is not None and "of_tenant" not in said and name in house.vault.all_kept()):
        kept = house.vault.kept(name)
        tenant = str(said.get("of_tenant", kept.use.tenant)) or HOME_TENANT
        values += (kept.value, *(one.value for one in kept.former))
        if former:
            kept.returned()
        if change == "rotated" and value is not None:
            kept.rotated(value, 0)
    if _knowing(*values).found(f"{why}\n{name}"):
        raise FabricError(Code.ARGUMENT_SECRET, "the reason or the name holds the secret's value")
    for one in values:
        house.redactor.learn(one, tenant)
    common = {"talent": who, "trace": trace, "name": name, "change": change, "why": why}
    await house.record(Entry(Kind.SECRET_CHANGED, SecretChanged.model_validate({**common, **said}), actor=who))
    alter(house)
    await house.refresh()
    return {"secret": name, "change": change, **said}


def _check_value(house: House, value: str, confined: bool) -> None:
    """Raise IF_ERR_SECRET_TOO_SHORT, IF_ERR_SECRET_NOT_TEXT, IF_ERR_SECRET_ORDINARY: what is masked for everybody may
    be no piece of a name of the house, and no tenant's operator may have ordinary words masked for the others."""
    check_secret(value)
    if confined and guessing_bits(value) < ENOUGH_BITS:
        raise FabricError(Code.SECRET_ORDINARY, "the value is made of ordinary words or few characters")
    if _knowing(value).found("\n".join(_names(house))):
        raise FabricError(Code.SECRET_ORDINARY, "the value is a name of this house, or a piece of one")


def _knowing(*values: str) -> SecretRedactor:
    made = SecretRedactor()
    for value in values:
        made.learn(value)
    return made


def _names(house: House) -> Iterator[str]:
    """What asks, answers and entries call the things of the house by."""
    for table in ("talent", "target", "role"):
        yield from (key for key, _ in house.authority.scan(table))
    for manifest in house.manifests():
        yield manifest.id
        yield from manifest.effects


def rotating(name: str, value: str, overlap_s: int) -> tuple[Callable[[House], None], str]:
    """What uses `value` from now on and keeps the former one for so long, and until when that is, RFC 3339.

    It is one time for both, so that the log says when the vault lets go of it.
    """
    until = int(time.time()) + overlap_s

    def alter(house: House) -> None:
        house.vault.rotate(name, value, until)

    return alter, datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_name(name: str) -> None:
    """Raises IF_ERR_NAME_INVALID."""
    if "=" in name:
        raise FabricError(Code.NAME_INVALID, "a secret's name holds no `=`; its value is never given as an argument")
    if NAME.fullmatch(name) is None:
        raise FabricError(Code.NAME_INVALID, f"{visible(name, 80)!r} is no secret's name; one looks like HA_TOKEN")


def use_of(targets: tuple[str, ...], tenant: str) -> Use:
    """Which targets may use a secret. Raises IF_ERR_NAME_INVALID."""
    for target in targets:
        if TARGET.fullmatch(target) is None:
            raise FabricError(Code.NAME_INVALID, f"{visible(target, 80)!r} is no target; one looks like ha@home")
    if tenant and TENANT.fullmatch(tenant) is None:
        raise FabricError(Code.NAME_INVALID, f"{visible(tenant, 80)!r} is no tenant; one looks like studio-a")
    return Use(tuple(sorted(set(targets))), tenant)


def known_secrets(house: House) -> dict[str, dict[str, Any]]:
    """By name: who may use it, who refers to it, until when its former values are known."""
    referring = _referring(house)
    return {name: _shape(kept, referring.get(name, [])) for name, kept in house.vault.all_kept().items()}


def doubts(house: House, name: str) -> list[str]:
    """In words: targets that refer to the secret and may not use it, and of targets named that are not there."""
    found = []
    use = house.vault.kept(name).use
    targets = {target.name: target for target in _targets(house)}
    for target in _referring(house).get(name, []):
        if not use.covers(target, targets[target].tenant):
            found.append(f"{target} refers to vault:{name} and may not use it")
    for target in use.targets:
        if target not in targets:
            found.append(f"there is no target {target} yet")
    return found


def _targets(house: House) -> list[Target]:
    return [Target.model_validate(value) for _, value in house.authority.scan("target")]


def _referring(house: House) -> dict[str, list[str]]:
    """The targets that refer to each secret of the vault."""
    found: dict[str, list[str]] = {}
    for target in _targets(house):
        for reference in target.secrets.values():
            scheme, _, name = reference.partition(":")
            if scheme == "vault":
                users = found.setdefault(name.removesuffix("@former"), [])
                if target.name not in users:
                    users.append(target.name)
    return found


def _shape(kept: Kept, referring: list[str]) -> dict[str, Any]:
    until = [datetime.fromtimestamp(one.until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for one in kept.former]
    return {
        "targets": list(kept.use.targets),
        "tenant": kept.use.tenant,
        "referred_by": referring,
        "former_until": until,
    }
