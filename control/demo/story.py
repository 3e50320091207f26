"""The story that `ifctl demo` tells: an act from intent to receipt, its undoing, and the attacks on it.

Nothing in it is told that is not looked at: what the simulator's request log holds, what its state reads back, what a
verifier says who has only the receipt and the log's key.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import infrafabric.adapters
from infrafabric.control.changes import adopt
from infrafabric.control.cli.plan_view import signed_effects
from infrafabric.control.demo.simulator import VmixSimulator
from infrafabric.control.demo.stage import Stage
from infrafabric.control.demo.waiting import tell_of_people
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.making import make_home
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.ask import Ask, Purpose, Report
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.names import capability_id, new_trace_id
from infrafabric.kernel.words.things import AddressClass, Grant, Target
from infrafabric.keys.passphrase import Passphrase
from infrafabric.registry.bundle import Bundle, pack, read_bundle
from infrafabric.registry.trust import TrustSet, sign_trust
from infrafabric.registry.trust_edit import add_publisher, allow
from infrafabric.witness.verify import verify

if TYPE_CHECKING:
    from infrafabric.control.cli.shell import Shell

__all__ = ["tell_story"]

VMIX = Path(infrafabric.adapters.__path__[0]) / "vmix"
ATTACKERS = Path(__file__).with_name("attackers")
SWITCHER = "vmix.switcher"
TARGET = "vmix@demo"
WHY = "demo"


async def tell_story(shell: Shell) -> bool:
    """Tell it from beginning to end, in a throwaway development home; whether all of it came true."""
    stage = Stage(shell)
    with tempfile.TemporaryDirectory(prefix="infrafabric-demo-") as folder:
        async with VmixSimulator() as vmix:
            await _Story(stage, Path(folder), vmix, shell.progress).tell()
    return stage.end()


class _Story:
    def __init__(self, stage: Stage, folder: Path, vmix: VmixSimulator, progress: Callable[[str], None]) -> None:
        self.stage = stage
        self.folder = folder
        self.vmix = vmix
        self.progress = progress

    async def tell(self) -> None:
        stage, passphrase = self.stage, Passphrase(environ={})
        stage.scene("Keys, and a home")
        made = await make_home(
            self.folder / "home",
            "development",
            origin="demo.infrafabric.invalid/log",
            passphrase=passphrase,
            export_root=None,
            trace=new_trace_id(),
            tell=self.progress,
        )
        for name, key in made.keys.items():
            stage.say(f"{name:<15} {key}")
        stage.say(f"log             {made.vkey}")
        home = Home.open(made.root)
        self.progress("starting the sandbox; the first start compiles its component")
        async with open_house(home, "acting", passphrase=passphrase, tell=self.progress) as house:
            await self.install(house)
            await self.look(house)
            done = await self.act(house, made.vkey)
            await self.take_back(house, done)
            await tell_of_people(self.stage, house, self.vmix, made.vkey, SWITCHER, TARGET)
            await self.attack(house)
            await self.leave(house)

    async def install(self, house: House) -> None:
        stage = self.stage
        stage.scene("The vMix adapter: signed, allow-listed, granted")
        bundle = self.packed(house, VMIX, "switcher.yaml")
        stage.say(f"signed     {bundle.manifest.name} {bundle.manifest.version} → {bundle.digest}")
        house.bundles.install(bundle)
        house.registry.refresh()
        publisher = house.keystore.public("publisher")
        await self.trust(house, lambda trust: add_publisher(trust, "demo", [publisher], ["vmix.*"]), "publisher demo")
        await self.allow(house, bundle)
        stage.say("allowed    by the operator, for this very digest")
        target = Target(name=TARGET, settings=dict(self.vmix.settings), allow_addresses=(AddressClass.LOOPBACK,))
        await house.record(house.operator(new_trace_id()).target(target, WHY))
        await self.grant(house, SWITCHER)
        stage.say(f"granted    {SWITCHER} on {TARGET} ({self.vmix.url}) to {OPERATOR}")
        stage.check(
            "the registry lets it load: signature, publisher, allow-list and revocations agree",
            house.registry.resolve(capability_id(SWITCHER)).digest == bundle.digest,
        )

    async def look(self, house: House) -> None:
        stage = self.stage
        stage.scene('Plan and dry run: --scene "Intro"')
        planned = await self.ask(house, {"scene": "Intro"}, "plan")
        stage.show(planned, signed_effects(house, planned))
        dry = await self.ask(house, {"scene": "Intro"}, "dry_run")
        stage.check("the dry run planned the same changes", dry.changes_digest == planned.changes_digest)
        reads = len(self.vmix.requests)
        stage.check(f"vMix's request log: {reads} reads, {len(self.vmix.writes())} writes", not self.vmix.writes())
        stage.check(f"on program is still {self.vmix.program}", self.vmix.program == "Camera 1")

    async def act(self, house: House, vkey: str) -> Report:
        stage = self.stage
        stage.scene('Apply: --scene "Intro"')
        done = await self.ask(house, {"scene": "Intro"})
        stage.show(done, signed_effects(house, done))
        stage.check(f"vMix's state, read back: on program is {self.vmix.program}", self.vmix.program == "Intro")
        stage.check("exactly one write reached vMix", len(self.vmix.writes()) == 1)
        stage.scene("The receipt, verified as anyone could: from the file and the log's key")
        receipt = self.folder / "receipt.json"
        receipt.write_bytes(done.receipt or b"")
        verified = verify(receipt.read_bytes(), [vkey])
        for entry in verified.entries:
            stage.say(f"{entry.index:>4}  {entry.leaf.kind}")
        stage.check(
            f"{len(verified.entries)} entries, each proven to be in the tree of {verified.size} signed by {vkey[:40]}…",
            verified.action == done.action and not verified.erased,
        )
        forged = receipt.read_bytes().replace(b'"index":', b'"index": 1', 1)
        stage.refused(
            "the same receipt with one index altered", _refusal(lambda: verify(forged, [vkey])), Code.PROOF_INVALID
        )
        return done

    async def take_back(self, house: House, done: Report) -> None:
        stage = self.stage
        stage.scene("Undo")
        undone = await house.kernel.undo(done.action, OPERATOR, WHY)
        stage.show(undone, signed_effects(house, undone))
        stage.check(f"on program is {self.vmix.program} again", self.vmix.program == "Camera 1")
        replayed = await house.kernel.replay(done.action)
        stage.check(
            f"replaying the action from the record: {', '.join(replayed.runs)} came out the same, both digests too",
            replayed.context_digest == done.context_digest,
        )

    async def attack(self, house: House) -> None:
        stage = self.stage
        stage.scene("Attacks, each refused")
        writes = len(self.vmix.writes())
        tampered = self.folder / "tampered"
        self.packed(house, VMIX, "overlay.yaml", tampered)
        code = tampered / "overlay.py"
        code.write_bytes(code.read_bytes() + b"\n# one line more\n")
        error = _refusal(lambda: read_bundle(tampered))
        stage.refused("an adapter that was altered after it was signed", error, Code.BUNDLE_FILE_CHANGED)

        stranger = self.packed(house, VMIX, "audio.yaml")
        house.bundles.install(stranger)
        house.registry.refresh()
        report = await self.ask(house, {"master": {"volume": 80}}, capability="vmix.audio")
        stage.refused("one that is signed but not allow-listed", report.error, Code.NOT_ALLOWED)

        for name, what, code_wanted in (
            ("greedy", "one that asks for a change outside its plan", Code.CHANGE_UNKNOWN),
            ("endless", "one that loops for ever", Code.SANDBOX_CPU),
        ):
            bundle = self.packed(house, ATTACKERS, f"{name}.yaml")
            house.bundles.install(bundle)
            house.registry.refresh()
            await self.allow(house, bundle)
            await self.grant(house, f"vmix.{name}")
            report = await self.ask(house, {}, capability=f"vmix.{name}")
            stage.refused(what, report.error, code_wanted)

        planned = await self.ask(house, {"scene": "Camera 2"}, "plan")
        self.vmix.by_hand("CutDirect", Input="Music")
        stale = await self.ask(house, {"scene": "Camera 2"}, expect=planned.changes_digest)
        stage.refused("a plan that was looked at, after another hand had moved the desk", stale.error, Code.PLAN_STALE)
        stage.check("none of them wrote anything", len(self.vmix.writes()) == writes)

    async def leave(self, house: House) -> None:
        stage = self.stage
        stage.scene("What is left: the log's signed checkpoint")
        for line in house.log.checkpoint().splitlines():
            stage.say(line)
        audit = await house.log.audit()
        stage.check(
            f"every stored entry, read again, leads to that root: {audit.size} of them", audit.size == house.log.size
        )
        stage.say("")
        stage.say("Next: `ifctl init --development` makes a home of your own; `python -m")
        stage.say("infrafabric.control.demo.simulator` is this vMix; README.md goes on from there.")

    # --- what the scenes have in common

    async def ask(
        self,
        house: House,
        intent: dict[str, Any],
        purpose: Purpose = "apply",
        capability: str = SWITCHER,
        expect: str = "",
    ) -> Report:
        ask = Ask(capability_id(capability), OPERATOR, intent, WHY, purpose, TARGET, expect=expect)
        return await house.kernel.act(ask)

    def packed(self, house: House, source: Path, manifest: str, out: Path | None = None) -> Bundle:
        """Sign a capability of a source folder with the home's publisher key."""
        out = out or self.folder / f"bundle-{manifest.removesuffix('.yaml')}"
        if out.exists():
            shutil.rmtree(out)
        return pack(source, manifest, out, house.keystore.load("publisher"))

    async def trust(self, house: House, edit: Callable[[TrustSet], TrustSet], change: str) -> None:
        signed = sign_trust(edit(house.trusted.trust), house.keystore.load("root"))
        await adopt(house, signed, change, WHY, new_trace_id())

    async def allow(self, house: House, bundle: Bundle) -> None:
        manifest = bundle.manifest
        change = f"allow {manifest.name}@{manifest.version} {bundle.digest}"
        await self.trust(house, lambda trust: allow(trust, manifest.id, manifest.version, bundle.digest), change)

    async def grant(self, house: House, capability: str) -> None:
        grant = Grant(talent=OPERATOR, capability=capability_id(capability), target=TARGET)
        await house.record(house.operator(new_trace_id()).grant(grant, WHY))


def _refusal(attempt: Callable[[], object]) -> FabricError | None:
    try:
        attempt()
    except FabricError as error:
        return error
    return None
