"""A target's setting tries to be more than the host, port or path segment that it fills."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError

HOSTS = [
    "user@evil.example", "user:pw@evil.example", "good.example:81", "good.example/admin", "good.example?x=1",
    "good.example#x", "good.example\\@evil.example", "evil.example\r\nX: 1", "good.example ", "", ".", "..", "a..b",
    "-a.example", "a" * 64, "[::1", "::1]", "fe80::1%eth0", "127.1", "0x7f000001", "2130706433", "0177.0.0.1",
    "127.0.0.1.", "１２７.0.0.1", "good.example\0", "gооd.example", "good%2eexample", "{PORT}",
]  # fmt: skip
PORTS = ["", "0", "65536", "080", "-1", "+80", " 80", "80 ", "80/x", "80@evil.example", "８０", "1e3", "80:80"]
PREFIXES = ["..", ".", "", "%2e%2e", "a/../b", "..\\x", "a\r\nb", "a\0b", "．．"]


async def refusal(rig: Any, base: str, **settings: str) -> FabricError:
    manifest = rig.manifest(base=base, requires={"settings": ["HOST", "PORT", "TENANT"]})
    target = rig.target(settings={"HOST": "good.example", "PORT": "80", "TENANT": "t", **settings})
    with pytest.raises(FabricError) as caught:
        await rig.driver.address(manifest, target)
    return caught.value


@pytest.mark.parametrize("host", HOSTS)
async def test_a_host_is_a_host_and_nothing_more(http_rig: Any, host: str) -> None:
    refused = await refusal(http_rig, "http://{HOST}:{PORT}/{TENANT}", HOST=host)
    assert refused.code == Code.TARGET_SETTINGS
    assert "HOST" in refused.message


@pytest.mark.parametrize("port", PORTS)
async def test_a_port_is_a_number(http_rig: Any, port: str) -> None:
    refused = await refusal(http_rig, "http://{HOST}:{PORT}/{TENANT}", PORT=port)
    assert refused.code == Code.TARGET_SETTINGS
    assert "PORT" in refused.message


@pytest.mark.parametrize("tenant", PREFIXES)
async def test_a_prefix_stays_in_its_segment(http_rig: Any, tenant: str) -> None:
    refused = await refusal(http_rig, "http://{HOST}:{PORT}/{TENANT}", TENANT=tenant)
    assert refused.code == Code.TARGET_SETTINGS
    assert "TENANT" in refused.message


async def test_what_a_prefix_may_hold_is_encoded(http_peer: Any, http_rig: Any) -> None:
    settings = {"HOST": "127.0.0.1", "PORT": str(http_peer.port), "TENANT": "a?b#c&d"}
    await http_rig.perform(
        target=http_rig.target(settings=settings),
        base="http://{HOST}:{PORT}/{TENANT}",
        requires={"settings": ["HOST", "PORT", "TENANT"]},
    )
    assert http_peer.heard[0].target == "/a%3Fb%23c%26d/panel"


async def test_a_missing_setting_is_named(http_rig: Any) -> None:
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.address(http_rig.manifest(), http_rig.target(settings={"HOST": "good.example"}))
    assert caught.value.code == Code.TARGET_SETTINGS
    assert "PORT" in caught.value.message
