"""`ifctl trust sign` and `ifctl trust adopt`: a proposal goes round the holders of root keys, then takes effect."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import asked_passphrase, look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.keys.signing import SigningKey
    from infrafabric.registry.trust_proposal import Proposal

__all__ = ["adopt", "sign", "told_proposal"]

_FILE = click.argument("file", type=click.Path(path_type=Path), metavar="FILE")


@command("sign", short_help="Sign a proposed trust set.")
@_FILE
@click.option(
    "--root-key", "root_keys", type=click.Path(path_type=Path), metavar="FILE", multiple=True,
    help="An exported root key; no home is needed then. Else the root keys of this home sign.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The signed proposal.")
@click.option("--yes", is_flag=True, help="Sign without being asked: you have read what changes.")
def sign(shell: Shell, file: Path, root_keys: tuple[Path, ...], out: Path, yes: bool) -> None:
    """Show what a proposal changes, then sign it. Compare the digest of the present set with `ifctl trust show`."""
    from infrafabric.registry.trust_proposal import read_proposal, sign_proposal

    proposal = _read(shell, file)
    shell.check_new(out)
    for line in _lines(proposal):
        shell.say(line)
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            stop("nobody can be asked whether to sign: read what changes, then give --yes")
        click.confirm("sign this?", abort=True, err=True)
    for key in _keys(shell, root_keys):
        signed = sign_proposal(proposal, key)
        proposal = read_proposal(signed)
    shell.write_new(out, signed)
    told_proposal(shell, proposal, out)


@command("adopt", short_help="Make a proposal that is signed enough the trust set.")
@_FILE
@changing
def adopt(shell: Shell, file: Path, why: str | None) -> None:
    """Make the proposed set hold. It must follow the present one and be signed by the thresholds of both."""
    reason = shell.why(why)
    proposal = _read(shell, file)

    async def work(house: House) -> Any:
        from infrafabric.control.changes import adopt as adopted

        now = house.trusted
        if proposal.present.digest != now.digest:
            raise FabricError(
                Code.TRUST_ROLLBACK,
                f"the proposal follows version {proposal.present.trust.version} {proposal.present.digest}, "
                f"this home is at version {now.trust.version} {now.digest}",
                remedy="Propose the change anew from the present set.",
            )
        words = "; ".join(_changes(proposal))
        words = words if len(words) <= MAX_WORDS else f"{words[: MAX_WORDS - 1]}…"
        return await adopted(house, proposal.document, words, reason, shell.trace)

    done = operating(shell, work)
    shape = {"version": done.version, "digest": done.digest, "change": done.change, "expires": done.expires}

    def render(console: Console) -> None:
        console.print(f"trust set {done.version}: {visible(done.change, 600)}", soft_wrap=True)

    shell.result(shape, render)


MAX_WORDS = 400
"""Characters of what changed, as the log holds it; the set itself is kept whole."""


def told_proposal(shell: Shell, proposal: Proposal, out: Path) -> None:
    """Answer with what the proposal in the file `out` changes, who signed it and how many are missing."""
    shape = {
        "file": str(out), "version": proposal.following.version, "digest": proposal.digest,
        "present": proposal.present.digest, "changes": _changes(proposal), "signers": sorted(proposal.signers),
        "missing": proposal.missing,
    }  # fmt: skip

    def render(console: Console) -> None:
        for line in (*_lines(proposal), f"{len(proposal.signers)} signed, {proposal.missing} more must: {out}"):
            console.print(visible(line, 2_000), soft_wrap=True)

    shell.result(shape, render)


def _changes(proposal: Proposal) -> list[str]:
    from infrafabric.registry.trust_proposal import trust_changes

    return list(trust_changes(proposal.present.trust, proposal.following))


def _lines(proposal: Proposal) -> list[str]:
    head = f"follows version {proposal.present.trust.version} {proposal.present.digest}"
    return [head, f"proposes version {proposal.following.version} {proposal.digest}", *_changes(proposal)]


def _read(shell: Shell, file: Path) -> Proposal:
    from infrafabric.registry.trust_proposal import MAX_PROPOSAL, read_proposal

    return read_proposal(shell.read_file(file, MAX_PROPOSAL))


def _keys(shell: Shell, files: tuple[Path, ...]) -> list[SigningKey]:
    from infrafabric.control.changes import stored_root_keys
    from infrafabric.keys.keystore import open_export
    from infrafabric.keys.passphrase import Passphrase

    if not files:
        return look(shell, stored_root_keys)
    prompt = asked_passphrase(shell, "passphrase of the root key")
    return [open_export(path, Passphrase(file=shell.passphrase_file, prompt=prompt)) for path in files]
