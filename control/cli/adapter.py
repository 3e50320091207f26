"""`ifctl adapter`: write, check, sign, install and remove adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infrafabric.control.cli.frame import await_, changing, command
from infrafabric.control.cli.opening import asked_passphrase, operating, refresh_kernel
from infrafabric.control.cli.shell import Shell
from infrafabric.control.cli.untrusted import visible
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from rich.console import Console

    from infrafabric.control.house import House
    from infrafabric.keys.signing import SigningKey

__all__ = ["adapter"]

_DIR = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
_MANIFEST = click.option("--manifest", metavar="FILE", help="The draft manifest, where the folder holds more than one.")


@click.group("adapter")
def adapter() -> None:
    """Write, check, sign, install and remove adapters."""


@adapter.add_command
@command("new", short_help="Write a small working adapter to start from.")
@_DIR
@click.option("--id", "name", default="lamp.switch", show_default=True, metavar="CAPABILITY", help="Its capability.")
@click.option(
    "--runtime",
    type=click.Choice(["python/1", "component/1"]),
    default="python/1",
    show_default=True,
    help="component/1: in JavaScript, to be built by npm.",
)
def new(shell: Shell, folder: Path, name: str, runtime: str) -> None:
    """Write a small adapter that works, with its manifest and a conformance scenario, into a new folder."""
    from infrafabric.control.starter import write_starter

    files = write_starter(folder, name, runtime)

    def render(console: Console) -> None:
        for file in files:
            console.print(f"  {file}", soft_wrap=True)
        build = f"in {folder} npm install && npm run build, then " if runtime == "component/1" else ""
        console.print(f"next: {build}ifctl adapter check {folder}", soft_wrap=True)

    shell.result({"folder": str(folder), "files": [str(file) for file in files]}, render)


@adapter.add_command
@command("check", short_help="Run an adapter through the conformance rules.")
@_DIR
@_MANIFEST
@click.option("--native", is_flag=True, help="Also run it outside the sandbox, as you: for code of your own only.")
def check(shell: Shell, folder: Path, manifest: str | None, native: bool) -> None:
    """Check an adapter as its conformance.yaml says: deterministic, honest, undoable, nothing written in a dry run.

    The adapter runs in the sandbox, against the peer that the scenario names or recorded answers.
    """
    from infrafabric.control.checking import check_adapters
    from infrafabric.control.harness import Verdict

    _existing(folder)
    found = [manifest] if manifest is not None else drafts(folder)
    home = shell.home() if (shell.root / "home.json").exists() else None
    reports = await_(lambda: check_adapters(folder, found, home=home, native=native, tell=shell.progress))
    passed = all(report.passed for report in reports)

    def render(console: Console) -> None:
        from rich.table import Table
        from rich.text import Text

        for report in reports:
            table = Table(
                "rule", "", "case", "why", title=f"{report.capability} {report.version}", title_justify="left"
            )
            colours = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.SKIP: "yellow"}
            for finding in report.findings:
                verdict = Text(finding.verdict.value, style=colours[finding.verdict])
                table.add_row(Text(finding.rule), verdict, Text(visible(finding.case, 80)), Text(visible(finding.why)))
            console.print(table)
        console.print("passed" if passed else "failed")

    shell.result({"passed": passed, "reports": [report.as_json() for report in reports]}, render)
    if not passed:
        raise click.exceptions.Exit(1)


@adapter.add_command
@command("sign", short_help="Sign an adapter of your own.")
@_DIR
@_MANIFEST
@click.option(
    "--key",
    default="publisher",
    show_default=True,
    metavar="NAME|FILE",
    help="A key of the home's key store, or an exported key file.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="BUNDLE", help="The bundle folder to write."
)
def sign(shell: Shell, folder: Path, manifest: str | None, key: str, out: Path) -> None:
    """Sign an adapter of your own and write its bundle. Never sign another's without reading it."""
    from infrafabric.control.records.bundles import bundle_json
    from infrafabric.registry.bundle import pack

    _existing(folder)
    found = [manifest] if manifest is not None else drafts(folder)
    if len(found) > 1:
        names = ", ".join(map(visible, found))
        raise FabricError(Code.MANIFEST_INVALID, f"{folder} holds {names}", remedy="Name one: --manifest FILE.")
    signer = _signer(shell, key)
    bundle = pack(folder, found[0], out, signer)
    shape = {**bundle_json(bundle), "bundle": str(out), "key": str(signer.public)}

    def render(console: Console) -> None:
        console.print(f"signed {bundle.manifest.name} {bundle.manifest.version} into {out}", soft_wrap=True)
        console.print(f"  digest {bundle.digest}", soft_wrap=True)
        console.print(f"  key    {signer.public}", soft_wrap=True)

    shell.result(shape, render)


@adapter.add_command
@command("install", short_help="Put a bundle into the home; this allows nothing.")
@click.argument("bundle", metavar="BUNDLE", type=click.Path(path_type=Path))
def install(shell: Shell, bundle: Path) -> None:
    """Keep a signed bundle in the home. It is loaded once the trust set allows it: `ifctl trust allow ID@VERSION`.

    Installing grants nothing and is not recorded in the log, so it takes no --why; allowing does.
    """
    from infrafabric.control.records.bundles import bundle_json
    from infrafabric.registry.bundle import read_bundle
    from infrafabric.registry.store import BundleStore

    home = shell.home()
    found = read_bundle(bundle)
    BundleStore(home.bundles).install(found)
    refresh_kernel(shell)
    name = f"{found.manifest.name}@{found.manifest.version}"

    def render(console: Console) -> None:
        console.print(f"installed {name}", soft_wrap=True)
        console.print(f"  digest {found.digest}", soft_wrap=True)
        for key in found.signers:
            console.print(f"  signed by {key}", soft_wrap=True)
        console.print(f'it is loaded once it is allowed: ifctl trust allow {name} --why "…"', soft_wrap=True)

    shell.result(bundle_json(found), render)


@adapter.add_command
@command("remove", short_help="Forget a bundle.")
@click.argument("bundle", metavar="ID@VERSION|DIGEST")
@changing
def remove(shell: Shell, bundle: str, why: str | None) -> None:
    """Forget an installed bundle. What it did can then no longer be replayed; the log's proofs stay."""
    from infrafabric.control.records.bundles import remove_bundle

    reason = shell.why(why)

    async def work(house: House) -> dict[str, Any]:
        return await remove_bundle(house, bundle, reason, trace=shell.trace)

    shape = operating(shell, work)
    shell.result(shape, lambda console: console.print(f"removed {visible(bundle)}", soft_wrap=True))


def drafts(folder: Path) -> list[str]:
    """The draft manifests in a source folder: every .yaml file at its top but the conformance scenario.

    Raises IF_ERR_FILE_UNREADABLE where there is none.
    """
    found = sorted(path.name for path in folder.glob("*.yaml") if not path.name.startswith("conformance"))
    if not found:
        raise FabricError(Code.FILE_UNREADABLE, f"{folder} holds no manifest (*.yaml)")
    return found


def _existing(folder: Path) -> None:
    if not folder.is_dir():
        raise FabricError(Code.FILE_UNREADABLE, f"{folder} is no folder")


def _signer(shell: Shell, name: str) -> SigningKey:
    from infrafabric.keys.keystore import Keystore, open_export
    from infrafabric.keys.passphrase import Passphrase

    passphrase = Passphrase(file=shell.passphrase_file, prompt=asked_passphrase(shell, f"passphrase of the key {name}"))
    if Path(name).is_file():
        return open_export(Path(name), passphrase)
    home = shell.home()
    return Keystore(home.keys, passphrase, development=home.is_development).load(name)
