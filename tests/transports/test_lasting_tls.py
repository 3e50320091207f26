"""TLS on lasting connections: verified always, to the name and not to the address."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from infrafabric.kernel.errors import Code, FabricError

KINDS = {
    "websocket": ("HOUSE", "all", "wss://{HOUSE_HOST}:{HOUSE_PORT}"),
    "tcp": ("MATRIX", "routes", "tls://{MATRIX_HOST}:{MATRIX_PORT}"),
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@pytest.fixture(params=["websocket", "tcp"])
async def spoken(
    request: pytest.FixtureRequest, authority: trustme.CA, house: Any, matrix: Any, house_rig: Any, matrix_rig: Any
) -> AsyncIterator[Any]:
    """A peer over TLS, a rig for it, and what to perform."""
    peer, rig = (house, house_rig) if request.param == "websocket" else (matrix, matrix_rig)
    await peer.stop()
    peer.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("desk.example", "127.0.0.1").configure_cert(peer.tls)
    await peer.start()
    prefix, effect, base = KINDS[request.param]
    rig.base = base
    rig.at = lambda host: rig.target(settings={f"{prefix}_HOST": host, f"{prefix}_PORT": str(peer.port)})
    yield peer, rig, effect
    await rig.driver.close()


@pytest.mark.parametrize("host", ["desk.example", "127.0.0.1"])
async def test_a_trusted_name_is_reached_at_its_pinned_address(spoken: Any, ca_file: str, host: str) -> None:
    peer, rig, effect = spoken
    rig.driver = rig.make(ca_file=ca_file)
    for _ in range(2):
        assert (await rig.perform(effect, target=rig.at(host), base=rig.base)).ok
    assert peer.connections == 1
    profile = await rig.driver.address(rig.manifest(base=rig.base), rig.at(host))
    assert (profile["tls"], profile["host"]) == ("verify", host)


async def test_an_unknown_authority_is_refused_before_anything_is_sent(spoken: Any) -> None:
    peer, rig, effect = spoken
    refused = await rig.refusal(effect, target=rig.at("desk.example"), base=rig.base)
    assert refused.code == Code.TARGET_UNREACHABLE
    assert "certificate" in refused.message
    assert peer.heard == []


async def test_another_name_is_refused(spoken: Any, ca_file: str) -> None:
    _, rig, effect = spoken
    rig.driver = rig.make(ca_file=ca_file)
    refused = await rig.refusal(effect, target=rig.at("other.example"), base=rig.base)
    assert refused.code == Code.TARGET_UNREACHABLE


@pytest.mark.parametrize("options", [{"proxy": "x"}, {"ca_file": "/nowhere/ca.pem"}])
async def test_unknown_or_useless_options_are_refused(spoken: Any, options: dict[str, object]) -> None:
    _, rig, _ = spoken
    with pytest.raises(FabricError) as caught:
        rig.make(**options)
    assert caught.value.code == Code.SETTINGS_INVALID
    assert f"drivers.{rig.kind}" in caught.value.message
