"""The name service gives another address once the first was checked (DNS rebinding)."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError


def named(rig: Any, **changes: Any) -> Any:
    return rig.target(settings={"HOST": "lamp.example", "PORT": str(rig.port)}, **changes)


async def test_a_plaintext_target_that_moves_is_refused(http_peer: Any, http_rig: Any) -> None:
    http_rig.dns = lambda host: ["10.0.0.5"]
    profile = await http_rig.driver.address(http_rig.manifest(), named(http_rig))
    assert profile["ip"] == "10.0.0.5"
    http_rig.dns = lambda host: ["10.0.0.6"]
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.address(http_rig.manifest(), named(http_rig))
    assert caught.value.code == Code.ADDRESS_CHANGED
    assert "10.0.0.6" in caught.value.message


async def test_one_strange_address_among_the_pinned_is_enough(http_rig: Any) -> None:
    http_rig.dns = lambda host: ["10.0.0.5", "10.0.0.6"]
    await http_rig.driver.address(http_rig.manifest(), named(http_rig))
    http_rig.dns = lambda host: ["10.0.0.6", "10.0.0.7"]
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.address(http_rig.manifest(), named(http_rig))
    assert caught.value.code == Code.ADDRESS_CHANGED


async def test_rebinding_to_loopback_is_refused_and_nothing_is_sent(http_peer: Any, http_rig: Any) -> None:
    target = named(http_rig, allow_addresses=[])
    http_rig.dns = lambda host: ["93.184.216.34"]
    await http_rig.driver.address(http_rig.manifest(), target)
    http_rig.dns = lambda host: ["127.0.0.1"]
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.address(http_rig.manifest(), target)
    assert caught.value.code == Code.ADDRESS_REFUSED
    assert http_peer.heard == []


async def test_a_call_goes_where_it_was_pinned_whatever_the_name_service_says_now(
    http_peer: Any, http_rig: Any
) -> None:
    target = named(http_rig)
    await http_rig.driver.address(http_rig.manifest(), target)
    http_rig.dns = lambda host: ["10.255.255.1"]
    assert (await http_rig.perform(target=target)).ok
    assert http_peer.heard[0].headers["host"] == f"lamp.example:{http_peer.port}"


async def test_tls_to_public_addresses_may_move_among_public_ones_only(http_rig: Any) -> None:
    manifest = http_rig.manifest(base="https://{HOST}:{PORT}")
    http_rig.dns = lambda host: ["93.184.216.34"]
    before = await http_rig.driver.address(manifest, named(http_rig))
    http_rig.dns = lambda host: ["93.184.216.35"]
    assert await http_rig.driver.address(manifest, named(http_rig)) == before
    http_rig.dns = lambda host: ["10.0.0.5"]
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.address(manifest, named(http_rig))
    assert caught.value.code == Code.ADDRESS_CHANGED
