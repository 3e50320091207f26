"""`ifctl talent key`: the Ed25519 key by which a talent is known: with it a person answers plans that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from infrafabric.control.cli.frame import changing, command
from infrafabric.control.cli.opening import operating
from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House
    from infrafabric.kernel.words.things import Talent

__all__ = ["key"]


@command("key", short_help="Make a talent's key here, or enrol the public one that it made.")
@click.argument("name", metavar="TALENT")
@click.option("--public", metavar="BASE64", help="Its Ed25519 public key, made elsewhere: only this half comes here.")
@click.option("--replace", is_flag=True, help="Though it has a key: the one before counts no longer.")
@changing
def key(shell: Shell, name: str, public: str | None, replace: bool, why: str | None) -> None:
    """Give a talent a key to sign with. Without --public it is made in this home's key store, under its passphrase.

    What was signed with a former key stays in the log; approvals by it that were not used yet count no longer.
    """
    from infrafabric.control.records.talents import check_unused
    from infrafabric.keys.keyfile import Protection
    from infrafabric.keys.signing import PublicKey

    reason = shell.why(why)
    given = PublicKey.enrol(public) if public is not None else None

    async def work(house: House) -> tuple[Talent, str]:
        value = house.authority.talent(house.talent_named(name))
        if value.key is not None and not replace:
            message = f"{value.id} has the key {value.key} already"
            raise FabricError(Code.EXISTS, message, remedy="Give another in its place: --replace.")
        operator = house.operator(shell.trace)
        stored = ""
        if given is not None:
            check_unused(house, str(given), value.id)
            enrolled = given
        else:
            from infrafabric.control.approver_key import key_name

            stored = key_name(value.id, house.keystore.names())
            protection = Protection.NONE if house.home.is_development else Protection.PASSPHRASE
            enrolled = house.keystore.create(stored, protection).public
        changed = value.model_copy(update={"key": str(enrolled)})
        try:
            await house.record(operator.talent(changed, reason))
        except FabricError:
            if stored:
                house.keystore.remove(stored)
            raise
        return changed, stored

    value, stored = operating(shell, work)
    where = f"made in this home's key store as {stored}" if stored else "its private half is where it was made"
    shell.result(
        {"talent": value.as_json(), "change": "key", "stored": stored or None},
        lambda console: console.print(f"{value.id} has the key {value.key}; {where}", soft_wrap=True),
    )
