"""A grace that was good elsewhere or before: of another log, of another trust set, or from before a newer set."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from infrafabric.control import house as house_module
from infrafabric.control.home import Home
from infrafabric.control.house import House, open_house
from infrafabric.control.trust_store import load_grace
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import Kind, TrustGraced
from infrafabric.keys.passphrase import Passphrase
from infrafabric.registry import trust_edit
from infrafabric.registry.trust import Trusted
from infrafabric.registry.trust_expiry import MAX_GRACE, instant, make_grace, read_grace

if TYPE_CHECKING:
    from homes import Ifctl
    from press import Press

LOG = "example.org/log"
LOADED = "sha256:" + "1" * 64


class OneFact:
    """A log whose only fact is the grace last given."""

    def __init__(self, trust: str, document: bytes) -> None:
        self._value = {"trust": trust, "document": json.loads(document)}

    def get(self, table: str, key: str) -> Any | None:
        return self._value if (table, key) == ("trust", "grace") else None

    def stored(self, table: str, key: str) -> bytes | None:
        raise AssertionError("not asked for")

    def scan(self, table: str, prefix: str = "") -> Sequence[tuple[str, Any]]:
        raise AssertionError("not asked for")


def given_to(press: Press, trusted: Trusted) -> bytes:
    until = trusted.trust.expires_at + timedelta(days=1)
    return make_grace(trusted, LOG, [LOADED], until, "x", press.key("operator"))


def test_in_another_log(press: Press) -> None:
    trusted = press.trusted(press.trust())
    document = given_to(press, trusted)
    with pytest.raises(FabricError) as caught:
        read_grace(document, trusted, "example.org/other")
    assert caught.value.code is Code.GRACE_INVALID
    with pytest.raises(FabricError) as caught:
        load_grace(OneFact(trusted.digest, document), trusted, "example.org/other", MAX_GRACE)
    assert caught.value.code is Code.GRACE_INVALID


@pytest.mark.parametrize("changes", [{"version": 2}, {"expires": "2027-11-20T00:00:00Z"}], ids=["version", "content"])
def test_for_another_set(press: Press, changes: dict[str, Any]) -> None:
    document = given_to(press, press.trusted(press.trust()))
    other = press.trusted(press.trust(**changes))
    with pytest.raises(FabricError) as caught:
        read_grace(document, other, LOG)
    assert caught.value.code is Code.GRACE_INVALID


def test_after_a_newer_set(press: Press) -> None:
    """Left behind in the log it is no fault; shown as if it were for the newer set it is one."""
    old = press.trusted(press.trust())
    document = given_to(press, old)
    newer = press.trusted(trust_edit.renew(press.trust(), old.trust.expires_at + timedelta(hours=1)))
    assert load_grace(OneFact(old.digest, document), newer, LOG, MAX_GRACE) is None
    with pytest.raises(FabricError) as caught:
        load_grace(OneFact(newer.digest, document), newer, LOG, MAX_GRACE)
    assert caught.value.code is Code.GRACE_INVALID


@pytest.mark.parametrize("forged", ["stranger", "garbage"])
def test_an_entry_in_the_log_is_not_enough(
    vmix_home: Ifctl, press: Press, monkeypatch: pytest.MonkeyPatch, forged: str
) -> None:
    """Whoever writes to the log without the operator's key gains nothing, and is told of at each command."""

    async def write() -> None:
        async with open_house(Home.open(vmix_home.home), "operating", passphrase=Passphrase()) as house:
            await house.record(Entry(Kind.TRUST_GRACED, _forged(house, press, forged)))

    anyio.run(write)
    expires = datetime.fromisoformat(vmix_home.ok("trust", "show")["expires"])
    monkeypatch.setattr(house_module, "_now", lambda: expires.astimezone(UTC))
    assert vmix_home.ok("trust", "show")["grace"] is None
    plan = vmix_home.refused("capability", "plan", "vmix.switcher", "--scene", "x", "--why", "x")
    assert plan[1] == Code.TRUST_EXPIRED.value
    assert "the grace in the log does not count" in vmix_home("talent", "list").stderr


def _forged(house: House, press: Press, forged: str) -> TrustGraced:
    trusted = house.trusted
    until = instant(trusted.trust.expires_at + timedelta(days=1))
    signed = {
        "format": "infrafabric-trust-grace-v1", "trust": trusted.digest, "origin": house.reading.origin,
        "until": until, "covers": list(trusted.trust.allow.values()), "why": "x",
    }  # fmt: skip
    key = press.key("stranger").public if forged == "stranger" else trusted.trust.operator_keys[0]
    signature = {"key": str(key), "sig": base64.b64encode(bytes(64)).decode()}
    return TrustGraced(
        version=trusted.trust.version, trust=trusted.digest, until=until, why="x",
        document={"signed": signed, "signatures": [signature]},
    )  # fmt: skip
