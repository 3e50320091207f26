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
    from infrafabric.registry.trust import Trusted
    from infrafabric.registry.trust_proposal import Proposal

__all__ = ["adopt", "sign", "told_proposal"]

_FILE = click.argument("file", type=click.Path(path_type=Path), metavar="FILE")


@command("sign", short_help="Sign a proposed trust set.")
@_FILE
@click.option(
    "--root-key", "root_keys", type=click.Path(path_type=Path), metavar="FILE", multiple=True,
    help="An exported root key; no home is needed then. Else the root keys of this home sign.",
)  # fmt: skip
@click.option(
    "--present", metavar="DIGEST",
    help="Sign only where the proposal follows this set: the digest that `ifctl trust show` tells.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The signed proposal.")
@click.option("--yes", is_flag=True, help="Sign without being asked: you have read what changes.")
def sign(shell: Shell, file: Path, root_keys: tuple[Path, ...], present: str | None, out: Path, yes: bool) -> None:
    """Show what a proposal changes, then sign it.

    The file cannot vouch for the set that it follows. A home that holds that set says so; else compare the digest with
    the one that `ifctl trust show` tells, or insist on it: --present DIGEST.
    """
    from infrafabric.registry.trust_proposal import read_proposal, sign_proposal

    proposal = _read(shell, file)
    _check_present(shell, proposal, present)
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


def _check_present(shell: Shell, proposal: Proposal, insisted: str | None) -> None:
    """Say what vouches for the set that the proposal follows. Raises IF_ERR_TRUST_ROLLBACK where it is another one.

    A home of another log knows nothing of that set; it has its own, so a difference is told and refuses nothing.
    """
    claimed, version = proposal.present.digest, proposal.present.trust.version
    if insisted is not None:
        if insisted != claimed:
            said = f"the proposal follows version {version} {claimed}, not {visible(insisted, 80)}"
            raise FabricError(Code.TRUST_ROLLBACK, said, remedy="Have the change proposed anew from the present set.")
        shell.say("the proposal follows the set that --present names")
        return
    held = _held(shell)
    if held is None:
        shell.say(f"no home is here to vouch for the set that the proposal follows; compare {claimed}")
    elif held.digest == claimed:
        shell.say(f"the proposal follows version {version}, the set that this home holds")
    elif held.trust.root_keys == proposal.present.trust.root_keys:
        said = f"the proposal follows version {version} {claimed}, this home is at {held.trust.version} {held.digest}"
        raise FabricError(Code.TRUST_ROLLBACK, said, remedy="Have the change proposed anew from the present set.")
    else:
        shell.say(f"this home holds another trust set, {held.digest}; compare {claimed} with the home it is for")


def _held(shell: Shell) -> Trusted | None:
    """The trust set of this machine's home; None where it has no home."""
    try:
        return look(shell, lambda house: house.trusted)
    except FabricError as error:
        if error.code is Code.HOME_MISSING:
            return None
        raise


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
