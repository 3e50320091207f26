"""The variant for TLS, against a Home Assistant that speaks nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import trustme
from homeassistant_house import ADAPTER

from infrafabric.adapters.homeassistant.tests.running import HomeAssistant, installed
from infrafabric.control.starting import load_drivers, load_plugins
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.ports import Answer, DriverCall
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.kernel.words.things import AddressClass, Target
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.registry.manifest import parse_draft

ON = {"entity_id": ["switch.ac"]}


@pytest.fixture
async def tls_house(tmp_path: Path) -> AsyncIterator[tuple[HomeAssistant, Path]]:
    """A Home Assistant with a certificate, and the file of the authority that gave it."""
    if installed() is None:
        pytest.skip("Home Assistant is not installed: tests/peers/install-homeassistant.sh")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "house.pem"))
    ha = HomeAssistant(tmp_path / "config", certificate=tmp_path / "house.pem")
    await asyncio.to_thread(ha.start)
    try:
        yield ha, tmp_path / "authority.pem"
    finally:
        await asyncio.to_thread(ha.stop)


def manifest(name: str) -> Manifest:
    return parse_draft((ADAPTER / name).read_bytes()).manifest


async def perform(ha: HomeAssistant, made: Manifest, options: Mapping[str, object], effect: str) -> Answer:
    target = Target(
        name="homeassistant@tls", settings=dict(ha.settings), allow_addresses=(AddressClass.LOOPBACK,), timeout_s=5
    )
    driver = load_drivers(load_plugins(()), {"websocket": options}, SecretRedactor())["websocket"]
    try:
        return await driver.perform(DriverCall(made, effect, ON, target, None, 5.0), ha.secrets)
    finally:
        await driver.close()


async def test_it_is_spoken_to_where_its_authority_is_known_and_not_else(
    tls_house: tuple[HomeAssistant, Path],
) -> None:
    ha, authority = tls_house
    tls, plain = manifest("variants/entity-tls.yaml"), manifest("entity.yaml")
    answer = await perform(ha, tls, {"ca_file": str(authority)}, "switch_on")
    assert answer.ok and (await asyncio.to_thread(ha.state, "switch.ac"))["state"] == "on"

    for made, options in ((tls, {}), (plain, {"ca_file": str(authority)})):
        with pytest.raises(FabricError) as refused:
            await perform(ha, made, options, "switch_off")
        assert refused.value.code in (Code.TARGET_UNREACHABLE, Code.ANSWER_INVALID)
    assert (await asyncio.to_thread(ha.state, "switch.ac"))["state"] == "on"
