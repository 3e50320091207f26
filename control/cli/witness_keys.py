"""`ifctl witness vkey, rotate-key, end-origin`: the keys that sign the log, and how one takes over from another."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import alone, look
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.streams import writing_stdout
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["end_origin", "parse_overlap", "rotate_key", "vkey"]

OVERLAP = "30d"
"""Long enough for those who check receipts now and then to learn of the new key."""
_OVERLAP = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST = timedelta(days=3660)


@command("vkey", short_help="The log's verifier key.")
@click.option(
    "--proof",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="After a change of keys: write what proves the new key to those who hold the former one.",
)
def vkey(shell: Shell, proof: Path | None) -> None:
    """Print the verifier key that others check this log's receipts with. Give it to them by a way they trust.

    Those who hold the former key of a log whose key changed check the --proof with it: `ifctl witness verify FILE
    --vkey FORMER` shows the new key, as the log named it under the former key's own signature.
    """

    def find(house: House) -> tuple[list[str], str | None, bytes | None]:
        log = house.reading
        keys = [str(key) for key in log.signing]
        until = log.rekeyings()[0].until if len(keys) > 1 else None
        return keys, until, log.rekeying_proof() if proof is not None else None

    keys, until, data = look(shell, find)
    if proof is not None and data is not None:
        shell.write_new(proof, data)
    shape = {
        "vkey": keys[-1],
        "former": keys[0] if until else None,
        "until": until,
        "proof": str(proof) if proof else None,
    }
    if shell.as_json:
        shell.json(shape)
        return
    with writing_stdout():
        click.echo(keys[-1])
    if until:
        shell.say(f"it takes over from {keys[0]}, which signs as well until {until}")


@command("rotate-key", short_help="Change the log's signing key.")
@click.option(
    "--overlap", metavar="TIME", help=f"How long both keys sign: 30d, 12h. {OVERLAP} unless given, at most 3660d."
)
@click.option("--finish", is_flag=True, help="End the overlap now: the new key alone signs, the former one is removed.")
@changing
def rotate_key(shell: Shell, overlap: str | None, finish: bool, why: str | None) -> None:
    """Make a new key for the log. Both keys sign every checkpoint until the overlap is over.

    The origin stays, and all receipts stay good. Give those who check them the new verifier key during the overlap:
    with the former one they check what is signed up to its end. The first start after that removes it from the home.

    If the present key may be in other hands, use `ifctl witness end-origin`: who has it could sign another history.
    """
    from infrafabric.control.log_keys import begin_rekey, finish_rekey

    reason = shell.why(why)
    if finish and overlap is not None:
        stop("--overlap goes with the beginning of a change, --finish ends it")
    time = parse_overlap(overlap or OVERLAP)

    async def work(house: House) -> dict[str, Any]:
        if finish:
            body = await finish_rekey(house, reason, shell.trace)
        else:
            body = await begin_rekey(house, reason, time, shell.trace)
        return {"change": body.change, "vkey": body.vkey, "former": body.former, "until": body.until}

    shape = alone(shell, work)

    def render(console: Console) -> None:
        if finish:
            console.print("the former key no longer signs and is removed; the log's verifier key is")
        else:
            console.print(f"both keys sign until {shape['until']}; the log's new verifier key is")
        console.print(visible(shape["vkey"]), soft_wrap=True)
        console.print(
            "`ifctl witness vkey --proof FILE` writes what shows it to those who hold the former one", soft_wrap=True
        )

    shell.result(shape, render)


@command("end-origin", short_help="Go on after the log's key was stolen.")
@click.argument("origin", metavar="ORIGIN")
@click.option(
    "--trusted",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The last checkpoint of the old origin that was kept elsewhere. Found in `[witness] anchors` unless given.",
)
@changing
def end_origin(shell: Shell, origin: str, trusted: Path | None, why: str | None) -> None:
    """End the log's origin because its key may be in other hands: go on under a new key and the new name ORIGIN.

    The new origin's first entry names the old one, its last checkpoint, and the last one that was kept elsewhere: what
    the old key signed proves nothing beyond that. The old key is removed from the home.

    Targets, talents, grants and all else that operators signed are void from then on, and with them approvals that were
    given and questions that are open: set them again. Tell everyone who holds the old verifier key.
    """
    from infrafabric.control.log_keys import end_origin as end
    from infrafabric.control.log_keys import kept_elsewhere

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        before = house.log.vkey
        last = kept_elsewhere(house, trusted)
        await end(house, origin, reason, last, shell.trace)
        size = last.size if last is not None else None
        return {"change": "opened", "origin": origin, "vkey": house.log.vkey, "former": before, "trusted": size}

    shape = alone(shell, work)

    def render(console: Console) -> None:
        console.print(f"the log goes on as {visible(origin)}; its new verifier key:", soft_wrap=True)
        console.print(visible(shape["vkey"]), soft_wrap=True)
        size = shape["trusted"]
        if size is None:
            console.print("no checkpoint of the old origin was kept elsewhere: its key alone proves nothing any more")
        else:
            console.print(f"the old key still proves the first {size} entries, whose checkpoint was kept elsewhere")
        console.print(
            "targets, talents, grants and policies are void until they are set again, open questions for good"
        )

    shell.result(shape, render)


def parse_overlap(text: str) -> timedelta:
    """The time of 90s, 15m, 12h or 30d, at most ten years. Raises IF_ERR_USAGE."""
    found = _OVERLAP.fullmatch(text)
    overlap = timedelta(seconds=int(found[1]) * _UNIT_S[found[2]]) if found else timedelta(0)
    if not timedelta(0) < overlap <= LONGEST:
        raise FabricError(Code.USAGE, f"--overlap: {text[:60]!r} is no time up to 3660d; one is 12h or 30d")
    return overlap
