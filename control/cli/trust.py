"""`ifctl trust`: whose adapters, and which of them, may be loaded. A change is a new trust set, signed by root keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import asked_passphrase, look, operating
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.trust_grace import grace
from infrafabric.control.cli.trust_round import adopt, sign, told_proposal
from infrafabric.control.cli.untrusted import visible

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.keys.signing import PublicKey, SigningKey
    from infrafabric.registry.trust import TrustSet

__all__ = ["trust"]

DAYS = 365

_ROOT = click.option(
    "--root-key", "root_keys", type=click.Path(path_type=Path), metavar="FILE", multiple=True,
    help="An exported root key to sign with; a development home has its own.",
)  # fmt: skip


_PROPOSE = click.option(
    "--propose", type=click.Path(path_type=Path), metavar="FILE",
    help="Write a proposal for other holders of root keys to sign, and change nothing.",
)  # fmt: skip


@click.group("trust")
def trust() -> None:
    """Whose adapters, and which of them, may be loaded."""


trust.add_command(sign)
trust.add_command(adopt)
trust.add_command(grace)


@trust.add_command
@command("show", short_help="The trust set that holds.")
def show(shell: Shell) -> None:
    """Show publishers, allow-list, revocations, operator and root keys, who signed, expiry and grace."""

    from infrafabric.control.cli.trust_view import trust_json

    found = look(shell, trust_json)

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        console.print(f"version {found['version']}, expires {found['expires']}")
        console.print(f"digest {found['digest']}", soft_wrap=True)
        if found["grace"] is not None:
            given = found["grace"]
            ended = "ended at" if given["ended"] else "until"
            said = f"a grace for {len(given['covers'])} bundle(s) {ended} {given['until']}: {visible(given['why'])}"
            console.print(Text(said), soft_wrap=True)
        roots = Table("root key", f"signed this set, {found['threshold']} must")
        for key in found["root_keys"]:
            roots.add_row(Text(key), "signed" if key in found["signers"] else "")
        console.print(roots)
        for key in found["operator_keys"]:
            console.print(Text(f"operator key {key}"))
        publishers = Table("publisher", "may sign", "keys")
        for name, one in found["publishers"].items():
            keys = "\n".join(one["keys"])
            publishers.add_row(Text(visible(name)), Text(", ".join(one["patterns"])), Text(keys))
        allowed = Table("allowed", "bundle")
        for name, digest in found["allow"].items():
            allowed.add_row(Text(visible(name.rpartition("/")[2])), Text(digest))
        console.print(publishers if found["publishers"] else "no publisher is trusted yet")
        console.print(allowed if found["allow"] else "nothing is allowed yet")
        for kind in ("keys", "digests"):
            for thing, why in found["revoked"][kind].items():
                console.print(Text(f"revoked: {thing}: {visible(why)}"))

    shell.result(found, render)


@trust.add_command
@command("publisher", short_help="Trust a publisher, or no longer.")
@click.argument("name", metavar="NAME")
@click.option(
    "--key", "keys", metavar="BASE64", multiple=True, help="A public key of the publisher's; `own` is this home's own."
)
@click.option(
    "--pattern",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="What it may sign: vmix.switcher, or vmix.* for all of a product.",
)
@click.option(
    "--threshold", type=click.IntRange(1), default=1, show_default=True, help="How many of its keys must sign."
)
@click.option("--remove", is_flag=True, help="Trust it no longer.")
@_ROOT
@_PROPOSE
@changing
def publisher(
    shell: Shell,
    name: str,
    keys: tuple[str, ...],
    patterns: tuple[str, ...],
    threshold: int,
    remove: bool,
    root_keys: tuple[Path, ...],
    propose: Path | None,
    why: str | None,
) -> None:
    """Enrol a publisher whose key you have checked. Its adapters are loaded once they are allow-listed as well."""
    reason = shell.why(why)
    if remove == bool(keys or patterns):
        stop("give --key and --pattern, or --remove")
    if not remove and not (keys and patterns):
        stop("a publisher has at least one --key and one --pattern")

    def edit(house: House, now: TrustSet) -> tuple[TrustSet, str]:
        from infrafabric.registry.trust_edit import add_publisher, remove_publisher

        if remove:
            return remove_publisher(now, name), f"remove publisher {name}"
        enrolled = [_public(house, key) for key in keys]
        words = f"publisher {name} may sign {', '.join(patterns)} by {', '.join(map(str, enrolled))}"
        return add_publisher(now, name, enrolled, patterns, threshold), words

    _change(shell, edit, root_keys, reason, propose)


@trust.add_command
@command("allow", short_help="Allow an installed bundle to be loaded.")
@click.argument("bundle", metavar="ID@VERSION")
@click.option("--digest", metavar="DIGEST", help="Which bundle, where more than one of that version is installed.")
@_ROOT
@_PROPOSE
@changing
def allow(
    shell: Shell, bundle: str, digest: str | None, root_keys: tuple[Path, ...], propose: Path | None, why: str | None
) -> None:
    """Put an installed bundle on the allow-list, by its digest, such as vmix.switcher@1.2.0."""
    from infrafabric.control.records.trust import allowing

    reason = shell.why(why)

    def edit(house: House, now: TrustSet) -> tuple[TrustSet, str]:
        return allowing(house, now, bundle, digest)

    _change(shell, edit, root_keys, reason, propose)


@trust.add_command
@command("revoke", short_help="Trust a key or bundle no longer.")
@click.argument("thing", metavar="KEY|DIGEST|ID@VERSION")
@_ROOT
@_PROPOSE
@changing
def revoke(shell: Shell, thing: str, root_keys: tuple[Path, ...], propose: Path | None, why: str | None) -> None:
    """Revoke a publisher's or operator's key, or a bundle, for good. What runs of it stops before its next write."""
    from infrafabric.control.records.trust import revoking

    reason = shell.why(why)

    def edit(house: House, now: TrustSet) -> tuple[TrustSet, str]:
        return revoking(now, thing, reason)

    _change(shell, edit, root_keys, reason, propose)


@trust.add_command
@command("rotate", short_help="Replace the root key.")
@click.option(
    "--export-root",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the new root key goes; a development home may keep it.",
)
@_ROOT
@changing
def rotate(shell: Shell, export_root: Path | None, root_keys: tuple[Path, ...], why: str | None) -> None:
    """Make a new root key. The new set is signed by the old and the new key, so whoever trusts one learns the other."""
    reason = shell.why(why)
    if export_root is not None:
        shell.check_new(export_root)

    def work(house: House) -> Any:
        from infrafabric.control.changes import rotate_root

        return rotate_root(house, _signers(shell, house, root_keys), export_root, reason, shell.trace)

    _told(shell, operating(shell, work))


@trust.add_command
@command("roots", short_help="Name the root keys, and how many must sign.")
@click.option("--root", "roots", metavar="BASE64", multiple=True, required=True, help="A public root key.")
@click.option("--threshold", type=click.IntRange(1), required=True, help="How many of them must sign.")
@_ROOT
@_PROPOSE
@changing
def roots(
    shell: Shell,
    roots: tuple[str, ...],
    threshold: int,
    root_keys: tuple[Path, ...],
    propose: Path | None,
    why: str | None,
) -> None:
    """Put other root keys in the place of all present ones. Old and new keys sign, each by their threshold."""
    reason = shell.why(why)

    def edit(house: House, now: TrustSet) -> tuple[TrustSet, str]:
        from infrafabric.keys.signing import PublicKey
        from infrafabric.registry.trust_edit import rotate_root

        following = rotate_root(now, [PublicKey.enrol(root) for root in roots], threshold)
        return following, f"{threshold} of root keys {', '.join(roots)} must sign"

    _change(shell, edit, root_keys, reason, propose)


@trust.add_command
@command("renew", short_help="Let the trust set hold longer.")
@click.option("--days", type=click.IntRange(1, 3650), default=DAYS, show_default=True, help="How long from now.")
@_ROOT
@_PROPOSE
@changing
def renew(shell: Shell, days: int, root_keys: tuple[Path, ...], propose: Path | None, why: str | None) -> None:
    """Sign the same trust set with a later expiry."""
    reason = shell.why(why)
    expires = datetime.now(UTC) + timedelta(days=days)

    def edit(house: House, now: TrustSet) -> tuple[TrustSet, str]:
        from infrafabric.registry.trust_edit import renew as renewed

        following = renewed(now, expires)
        return following, f"renew until {following.expires}"

    _change(shell, edit, root_keys, reason, propose)


def _change(
    shell: Shell,
    edit: Callable[[House, TrustSet], tuple[TrustSet, str]],
    root_keys: tuple[Path, ...],
    reason: str,
    propose: Path | None,
) -> None:
    if propose is not None:
        _propose(shell, edit, root_keys, propose)
        return

    async def work(house: House) -> Any:
        from infrafabric.control.changes import change_trust

        return await change_trust(house, edit, _signers(shell, house, root_keys), reason, shell.trace)

    _told(shell, operating(shell, work))


def _propose(
    shell: Shell, edit: Callable[[House, TrustSet], tuple[TrustSet, str]], root_keys: tuple[Path, ...], out: Path
) -> None:
    from infrafabric.registry.trust_proposal import propose, read_proposal

    def made(house: House) -> bytes:
        signers = _signers(shell, house, root_keys) if root_keys else []
        return propose(house.trusted, edit(house, house.trusted.trust)[0], *signers)

    document = look(shell, made)
    shell.write_new(out, document)
    told_proposal(shell, read_proposal(document), out)


def _told(shell: Shell, adopted: Any) -> None:
    shape = {"version": adopted.version, "digest": adopted.digest, "change": adopted.change, "expires": adopted.expires}

    def render(console: Console) -> None:
        console.print(f"trust set {adopted.version}: {visible(adopted.change, 600)}", soft_wrap=True)

    shell.result(shape, render)


def _signers(shell: Shell, house: House, files: tuple[Path, ...]) -> list[SigningKey]:
    """The root keys to sign with: those named, else those in the key store. Raises IF_ERR_KEY_MISSING."""
    from infrafabric.control.changes import stored_root_keys
    from infrafabric.keys.keystore import open_export
    from infrafabric.keys.passphrase import Passphrase

    if not files:
        return stored_root_keys(house)
    prompt = asked_passphrase(shell, "passphrase of the root key")
    return [open_export(path, Passphrase(file=shell.passphrase_file, prompt=prompt)) for path in files]


def _public(house: House, text: str) -> PublicKey:
    from infrafabric.keys.signing import PublicKey

    return house.keystore.public("publisher") if text == "own" else PublicKey.enrol(text)
