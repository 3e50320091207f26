"""Secrets of the vault: each change on record, who may use them and who refers to them. No value is ever answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infrafabric.control.cli.untrusted import visible
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, SecretChanged
from infrafabric.kernel.words.names import TARGET, TENANT
from infrafabric.kernel.words.things import Target
from infrafabric.keys.redaction import check_secret
from infrafabric.keys.vault import NAME
from infrafabric.keys.vault_content import Kept, Use

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["LONGEST_OVERLAP_S", "change_secret", "check_name", "doubts", "known_secrets", "rotating", "use_of"]

LONGEST_OVERLAP_S = 90 * 86_400


async def change_secret(
    house: House, name: str, change: str, why: str, alter: Callable[[House], None], *, trace: str, who: str = OPERATOR,
    value: str | None = None, known: bool = False, former: bool = False, **said: Any,
) -> dict[str, Any]:  # fmt: skip
    """Record the change, then make it: a secret that the log knows nothing of must not exist. What changed, as JSON.

    `known`: the secret must be there already; `former`: it must have a former value. Raises IF_ERR_SECRET_*,
    IF_ERR_ARGUMENT_SECRET where the reason or the name holds the value.
    """
    if value is not None:
        check_secret(value)
        house.redactor.learn(value)
    if known or former:
        kept = house.vault.kept(name)
        for old in (kept.value, *(one.value for one in kept.former)):
            house.redactor.learn(old)
        if former:
            kept.returned()
        if change == "rotated" and value is not None:
            kept.rotated(value, 0)
    if house.redactor.found(f"{why}\n{name}"):
        raise FabricError(Code.ARGUMENT_SECRET, "the reason or the name holds the secret's value")
    common = {"talent": who, "trace": trace, "name": name, "change": change, "why": why}
    await house.record(Entry(Kind.SECRET_CHANGED, SecretChanged.model_validate({**common, **said}), actor=who))
    alter(house)
    await house.refresh()
    return {"secret": name, "change": change, **said}


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
