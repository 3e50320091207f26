"""Secrets are planted wherever the world, a driver, an extension or a caller could put them, in every disguise.

Then they are looked for everywhere: entries, report, receipt, what was printed and logged, and each file on disk.
"""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.things import AddressClass, Target

if TYPE_CHECKING:
    from world import Attackers, World

    from infrafabric.control.house import House

WITH_SECRET = {
    "secrets: []}": "secrets: [HOUSE_TOKEN]}",
    'state: {read: "GET /state"}': 'state: {read: "GET /state", headers: {X-Token: {secret: HOUSE_TOKEN}}}',
    "additionalProperties: {type: boolean}": "additionalProperties: true",
}
PLAN = """
async def plan(self, intent, host):
    state = (await host.read("state")).json()
    note = str(state.get("note"))
    if intent["lamps"].get("refuse"):
        raise Refuse("the house said " + note)
    return Plan([self.on("hall", summary=note)]) if intent["lamps"].get("hall") else Plan()
"""


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


def latin(text: str) -> str:
    return text.encode().decode("latin-1")


DISGUISES: dict[str, Callable[[str], str]] = {
    "itself": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "basic": lambda text: "Basic " + base64.b64encode(f"kernel:{text}".encode()).decode(),
    "url-safe base64": lambda text: base64.urlsafe_b64encode(f"a{text}b".encode()).decode().rstrip("="),
    "percent": quote,
    "form": quote_plus,
    "each percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "json": lambda text: json.dumps(text)[1:-1],
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "each escaped": escaped,
    "half escaped": lambda text: text[:4] + escaped(text[4:]),
    "html": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "wrapped": lambda text: "\n  ".join(text[at : at + 5] for at in range(0, len(text), 5)),
    "repr of bytes": lambda text: repr(text.encode()),
}
WAYS = (
    "answer",
    "refusal of the guest",
    "bad status",
    "driver",
    "driver of ours",
    "write",
    "extension",
    "why",
    "intent",
)

# What a header can carry; the secrets of real systems. Not so plain that chance would find one in a log.
secrets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=12, max_size=60).filter(
    lambda text: len(set(text)) >= 8 and not text.startswith(("[", "-"))
)
plants = st.lists(
    st.tuples(secrets, st.sampled_from(sorted(DISGUISES)), st.sampled_from(WAYS)), min_size=12, max_size=12
)


def forms(secret: str) -> Iterator[bytes]:
    """What to look for, made without the redactor's help."""
    for name in ("itself", "percent", "form", "each percent", "json", "json in json", "each escaped", "html", "hex"):
        yield DISGUISES[name](secret).encode()
    yield secret.encode().hex().upper().encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + secret.encode()).rstrip(b"=")
        core = whole[(0, 2, 3)[before] : -1]
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))


def leaks(secret: str, data: bytes) -> list[bytes]:
    return [form for form in forms(secret) if form in data]


class Failing:
    """A driver that fails with what it was given in its error."""

    def __init__(self, driver: Any, error: Exception, only: str = "") -> None:
        self._driver = driver
        self._error = error
        self._only = only

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    async def perform(self, call: Any, secrets: Any) -> Any:
        if self._only in ("", call.effect):
            raise self._error
        return await self._driver.perform(call, secrets)


async def plant(world: World, house: House, name: str, secret: str, text: str, way: str) -> str:
    """Let one action go by with `text`, which holds the secret, put in that `way`; all that became of it."""
    house.vault.set("house", secret)
    peer, parts = world.peer, house.kernel.parts
    note = {"note": text} if way in ("answer", "refusal of the guest") else {}
    status = 500 if way == "bad status" else 200
    answer = {"lamps": dict(peer.lamps), **note} if status == 200 else {"error": text}
    peer.read = lambda path, query: (status, answer)  # type: ignore[method-assign]
    http, stations = parts.drivers["http"], parts.stations
    if way == "driver":
        parts.drivers = {"http": Failing(http, RuntimeError(f"while sending {text}"))}
    elif way == "driver of ours":
        parts.drivers = {"http": Failing(http, FabricError(Code.TARGET_UNREACHABLE, f"no way: {text}"))}
    elif way == "write":
        parts.drivers = {"http": Failing(http, ValueError(text), "switch")}
    elif way == "extension":
        parts.stations = (lambda action, station: _fail(text),)
    intent: dict[str, Any] = {"hall": True, "refuse": way == "refusal of the guest"}
    if way == "intent":
        intent["note"] = text
    try:
        report = await house.kernel.act(world.ask(name, {"lamps": intent}, why=text if way == "why" else "a test"))
    finally:
        parts.drivers, parts.stations = {"http": http}, stations
    error = "" if report.error is None else f"{report.error} {''.join(traceback.format_exception(report.error))}"
    return f"{report!r} {report.receipt!r} {error} {house.log.entries(report.action)!r}"


def _fail(text: str) -> None:
    raise RuntimeError(f"an extension knows {text}")


@settings(
    max_examples=3, deadline=None, phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(plants)
async def test_it_is_found_nowhere(
    world: World, attackers: Attackers, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
    planted: list[tuple[str, str, str]],
) -> None:  # fmt: skip
    async with world.opened() as house:
        target = Target(
            name="house@home",
            settings={"HOUSE_PORT": str(world.peer.port)},
            secrets={"HOUSE_TOKEN": "vault:house"},
            allow_addresses=(AddressClass.LOOPBACK,),
        )
        await house.record(house.operator("1" * 32).target(target, "test"))
        name = await attackers.install(house, PLAN, **WITH_SECRET)
        for secret, disguise, way in planted:
            became = await plant(world, house, name, secret, f"x {DISGUISES[disguise](secret)} y", way)
            assert leaks(secret, became.encode()) == [], (way, disguise)
        while_open = files(world.home.root)
    kept = {**while_open, **{path.with_suffix(".closed"): data for path, data in files(world.home.root).items()}}
    told = capfd.readouterr()
    said = f"{told.out} {told.err} {caplog.text}".encode()
    for secret, disguise, way in planted:
        assert leaks(secret, said) == [], (way, disguise)
        for path, data in kept.items():
            assert leaks(secret, data) == [], (path.name, way, disguise)


def files(root: Path) -> dict[Path, bytes]:
    """Every file that a kernel writes: log, WAL, health, crash, whatever else is there."""
    folders = ("cache", "components", "bundles")
    return {
        path: path.read_bytes().replace(b"\0" * 64, b"")  # the room that is kept ahead
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in folders
    }


def test_what_is_looked_for_would_be_found() -> None:
    secret = 'p"ss\\w&rd+/=<Token>'
    for name, disguise in DISGUISES.items():
        if name not in ("wrapped", "half escaped", "repr of bytes"):
            assert leaks(secret, f"x {disguise(secret)} y".encode()), name
