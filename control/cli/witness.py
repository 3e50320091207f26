"""`ifctl witness`: the log. Find, show, prove, verify, export, anchor, erase."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import changing, command, stop
from infrafabric.control.cli.opening import alone, look, operating, reading
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.streams import writing_stdout
from infrafabric.control.cli.untrusted import visible
from infrafabric.control.cli.witness_clock import clock
from infrafabric.control.cli.witness_keys import end_origin, rotate_key, vkey
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House

__all__ = ["witness"]

MAX_PROOF_FILE = 256 << 20
"""A receipt holds bodies of up to 1 MiB each."""


@click.group("witness")
def witness() -> None:
    """The log: find, show, prove, verify, export, anchor, erase."""


@witness.add_command
@command("query", short_help="Find entries.")
@click.option("--trace-token", "trace", metavar="ID", help="Under this trace: 32 hex digits, a uuid, or a traceparent.")
@click.option("--talent", metavar="TALENT", help="By or about this talent.")
@click.option("--capability", metavar="CAPABILITY", help="About this capability.")
@click.option("--target", metavar="TARGET", help="About this target.")
@click.option("--action", metavar="ACTION", help="Of this action.")
@click.option("--kind", metavar="KIND", help="Of this kind, such as action.closed.")
@click.option("--since", metavar="TIME", help="Not before this time (RFC 3339), or within the last 15m, 2h, 3d.")
@click.option("--as", "reader", metavar="TALENT", help="What this talent may read: of its tenant, of the newest 1000.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many, the newest."
)
def query(
    shell: Shell,
    trace: str | None,
    talent: str | None,
    capability: str | None,
    target: str | None,
    action: str | None,
    kind: str | None,
    since: str | None,
    reader: str | None,
    limit: int,
) -> None:
    """Find entries, newest first. Each was checked against the signed root before it is shown."""
    from infrafabric.control.cli.entry_view import found_json, parse_since, show_found
    from infrafabric.control.cli.reading_as import of_tenant, reader_of
    from infrafabric.kernel.words.entries import Kind
    from infrafabric.kernel.words.names import capability_id, trace_id
    from infrafabric.witness.store import Query

    if kind is not None and kind not in set(Kind):
        stop(f"{visible(kind, 60)!r} is no kind of entry; they are: {', '.join(Kind)}")

    def find(house: House) -> list[dict[str, Any]]:
        who = reader_of(house, reader) if reader is not None else None
        wanted = Query(
            trace=trace_id(trace) if trace is not None else None,
            talent=house.talent_named(talent) if talent is not None else None,
            capability=capability_id(capability) if capability is not None else None,
            kind=kind,
            target=target,
            action=action,
            since=parse_since(since) if since is not None else None,
            limit=limit if who is None else 1000,
        )
        return of_tenant(map(found_json, house.reading.find(wanted)), who)[:limit]

    rows = look(shell, find)
    shell.result({"entries": rows}, lambda console: show_found(console, rows))


@witness.add_command
@command("show", short_help="One entry, or all of an action.")
@click.argument("what", metavar="INDEX|ACTION")
@click.option("--as", "reader", metavar="TALENT", help="Only what this talent may read: its tenant's entries.")
def show(shell: Shell, what: str, reader: str | None) -> None:
    """Show an entry by its index, or every entry of an action, with its body."""
    from infrafabric.control.cli.entry_view import action_json, entry_json, show_entries
    from infrafabric.control.cli.reading_as import of_tenant, reader_of

    def find(house: House) -> list[dict[str, Any]]:
        who = reader_of(house, reader) if reader is not None else None
        if what.isascii() and what.isdigit():
            found = of_tenant([entry_json(house.reading.entry(_index(what)))], who)
            if not found:
                raise FabricError(Code.ENTRY_UNKNOWN, f"the log has no entry {what}")
            return found
        found = of_tenant(action_json(house.reading, what), who)
        if not found:
            raise FabricError(Code.ACTION_UNKNOWN, f"the log holds no action {what[:60]!r}")
        return found

    rows = look(shell, find)
    shell.result({"entries": rows}, lambda console: show_entries(console, rows))


@witness.add_command
@command("verify", short_help="Check a receipt, an anchor, or the whole log.")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--vkey",
    "vkeys",
    metavar="VKEY",
    multiple=True,
    help="The log's verifier key; more of them name its former keys, or cosigners.",
)
@click.option(
    "--from-anchor",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Check that the log holds what was anchored here.",
)
@click.option(
    "--tiles", type=click.Path(path_type=Path), metavar="DIR", help="The log as `ifctl witness export` wrote it."
)
def verify(
    shell: Shell, file: Path | None, vkeys: tuple[str, ...], from_anchor: Path | None, tiles: Path | None
) -> None:
    """Check a receipt or tlog-proof FILE by the key you were given, without a home or a network.

    No key that comes with the file is trusted. A receipt that does not run from the action's first entry to its last
    is genuine but not enough: what it proves is shown, and the exit status is 1.

    With --from-anchor and --tiles the exported log is checked against what was anchored, again by your key alone.
    Without either, every stored byte of the home's log is read and checked.
    """
    from infrafabric.control.cli.verify_view import anchor_result, audit_result, file_result

    if from_anchor is not None or tiles is not None:
        if file is not None or from_anchor is None or tiles is None or not vkeys:
            stop("give --from-anchor, --tiles and the log's --vkey, and no FILE")
        result = anchor_result(from_anchor, tiles, list(vkeys))
    elif file is not None:
        if not vkeys:
            stop("give --vkey, as `ifctl witness vkey` printed it: one that comes with the file is worth nothing")
        result = file_result(shell.read_file(file, MAX_PROOF_FILE), list(vkeys))
    else:
        if vkeys:
            stop("--vkey goes with a FILE, or with --from-anchor and --tiles")
        shell.progress("reading the whole log")
        result = reading(shell, audit_result)
    shell.result(result.shape, result.render)
    if result.error is not None:
        shell.failed(result.error)


@witness.add_command
@command("proof", short_help="The inclusion proof of an entry.")
@click.argument("index", type=click.IntRange(0), metavar="INDEX")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write it here instead of to stdout.")
def proof(shell: Shell, index: int, out: Path | None) -> None:
    """Print the proof that an entry is in the log, as a c2sp.org/tlog-proof file."""
    text = look(shell, lambda house: house.reading.tlog_proof(index))
    if out is not None:
        shell.write_new(out, text.encode())
    _text(shell, {"index": index, "proof": text, "file": str(out) if out is not None else None}, "" if out else text)


@witness.add_command
@command("checkpoint", short_help="The latest signed checkpoint.")
def checkpoint(shell: Shell) -> None:
    """Print the log's latest checkpoint, a signed note."""
    size, text = look(shell, lambda house: (house.reading.size, house.reading.checkpoint()))
    _text(shell, {"size": size, "checkpoint": text}, text)


@witness.add_command
@command("export", short_help="Write the log as static tiles.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def export(shell: Shell, folder: Path) -> None:
    """Bring a static tlog-tiles directory up to date: leaves and hashes, no bodies."""
    shell.progress(f"writing tiles to {folder}")

    async def work(house: House) -> tuple[int, int]:
        with shell.writing(folder):
            return await house.reading.export(folder), house.reading.size

    files, size = reading(shell, work)
    shape = {"folder": str(folder), "files": files, "size": size}
    shell.result(shape, lambda console: console.print(f"{files} files written, the log has {size} entries"))


@witness.add_command
@command("anchor", short_help="Keep the checkpoint elsewhere.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--every", metavar="TIME", help="Stay, and anchor again so often where the log has grown: 15m, 2h, 3d.")
def anchor(shell: Shell, folder: Path, every: str | None) -> None:
    """Write the latest checkpoint to a directory, best on another machine, where it is never overwritten.

    With --every it goes on beside a working kernel until SIGINT or SIGTERM. The directory must be there then: one that
    is not, or cannot be written, is told of and tried again.
    """
    if every is not None:
        from infrafabric.control.anchor_place import AnchorPlace
        from infrafabric.control.cli.anchoring import anchor_every, parse_every

        place = AnchorPlace(folder)
        written = anchor_every(
            parse_every(every), lambda: look(shell, lambda house: place.write(house.reading.head)), shell.say
        )
        shape = {"anchors": [str(path) for path in written]}
        shell.result(shape, lambda console: console.print(f"{len(written)} anchors in {folder}", soft_wrap=True))
        return

    def write(house: House) -> Path:
        with shell.writing(folder):
            return house.reading.anchor(folder)

    path = look(shell, write)
    shell.result({"anchor": str(path)}, lambda console: console.print(f"anchored in {path}", soft_wrap=True))


@witness.add_command
@command("erase", short_help="Erase the body of an entry.")
@click.argument("index", type=click.IntRange(0), metavar="INDEX")
@changing
def erase(shell: Shell, index: int, why: str | None) -> None:
    """Erase what an entry says, for good. Its leaf and all proofs stay; that it was erased, and why, is recorded."""
    from infrafabric.control.operator import OPERATOR

    reason = shell.why(why)

    async def work(house: House) -> None:
        await house.log.erase(index, reason, OPERATOR, shell.trace)

    operating(shell, work)
    shell.result(
        {"index": index, "change": "erased"}, lambda console: console.print(f"the body of entry {index} is erased")
    )


witness.add_command(clock)
witness.add_command(vkey)
witness.add_command(rotate_key)
witness.add_command(end_origin)


def _index(text: str) -> int:
    if len(text) > 18:
        raise FabricError(Code.ENTRY_UNKNOWN, f"the log has no entry {text[:30]}…")
    return int(text)


def _text(shell: Shell, shape: dict[str, Any], text: str) -> None:
    """An answer that is a text of a fixed form: byte for byte on stdout, so that it can be piped."""
    if shell.as_json:
        shell.json(shape)
    else:
        with writing_stdout():
            click.echo(text, nl=False)


@witness.add_command
@command("reopen", short_help="Go on after the log was rolled back.")
@click.argument("origin", metavar="ORIGIN")
@changing
def reopen(shell: Shell, origin: str, why: str | None) -> None:
    """Go on under a new origin with the entries that are left, after the database was replaced by an older one.

    Targets, talents, grants, policies and all else that operators signed are void from then on, since some may have
    been withdrawn in the gap: set them again.
    """
    from infrafabric.control.log_keys import greet_operator
    from infrafabric.control.operator import OPERATOR

    reason = shell.why(why)

    async def work(house: House) -> str:
        await house.log.open_origin(origin, reason, OPERATOR, shell.trace)
        await greet_operator(house, reason, shell.trace)
        return house.log.vkey

    vkey = alone(shell, work)
    shape = {"origin": origin, "vkey": vkey, "change": "opened"}

    def render(console: Console) -> None:
        console.print(f"the log goes on as {visible(origin)}; its new verifier key:", soft_wrap=True)
        console.print(vkey, soft_wrap=True)
        console.print("targets, talents, grants and policies are void until they are set again")

    shell.result(shape, render)
