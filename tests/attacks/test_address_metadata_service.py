"""A target's name leads to a cloud's metadata service, loopback, or another place that gives access by being there."""

from __future__ import annotations

from typing import Any

import pytest

from infrafabric.kernel.errors import Code, FabricError

REFUSED = [
    "169.254.169.254",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "100.100.100.200",
    "168.63.129.16",
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "::ffff:7f00:1",
    "169.254.1.1",
    "fe80::1",
    "fe80::1%eth0",
    "0.0.0.0",  # noqa: S104
    "::",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "::7f00:1",
    "fec0::1",
]


@pytest.mark.parametrize("address", REFUSED)
async def test_a_name_that_leads_there_is_refused(http_rig: Any, address: str) -> None:
    http_rig.dns = lambda host: ["93.184.216.34", address]
    target = http_rig.target(settings={"HOST": "lamp.example", "PORT": "80"}, allow_addresses=[])
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.address(http_rig.manifest(), target)
    assert caught.value.code == Code.ADDRESS_REFUSED
    assert (await http_rig.refusal(target=target)).code == Code.ADDRESS_REFUSED


@pytest.mark.parametrize("address", [address for address in REFUSED if "%" not in address])
async def test_a_setting_that_says_so_is_refused(http_rig: Any, address: str) -> None:
    target = http_rig.target(settings={"HOST": address, "PORT": "80"}, allow_addresses=[])
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.address(http_rig.manifest(), target)
    assert caught.value.code == Code.ADDRESS_REFUSED


async def test_a_grant_of_link_local_does_not_open_the_metadata_service(http_rig: Any) -> None:
    target = http_rig.target(settings={"HOST": "169.254.169.254", "PORT": "80"}, allow_addresses=["link-local"])
    with pytest.raises(FabricError) as caught:
        await http_rig.driver.address(http_rig.manifest(), target)
    assert caught.value.code == Code.ADDRESS_REFUSED
