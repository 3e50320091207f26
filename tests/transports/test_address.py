"""Classes of addresses, endpoints, profiles and pins."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.things import AddressClass
from infrafabric.transports.address import classify, resolve_name
from infrafabric.transports.endpoint import compile_base


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.216.34", AddressClass.PUBLIC),
        ("2606:2800:220:1::1", AddressClass.PUBLIC),
        ("64:ff9b::5db8:d822", AddressClass.PUBLIC),
        ("10.1.2.3", AddressClass.PRIVATE),
        ("172.31.255.255", AddressClass.PRIVATE),
        ("172.32.0.0", AddressClass.PUBLIC),
        ("192.168.1.1", AddressClass.PRIVATE),
        ("100.64.0.1", AddressClass.PRIVATE),
        ("fd12::1", AddressClass.PRIVATE),
        ("::ffff:10.0.0.1", AddressClass.PRIVATE),
        ("2002:a00:1::", AddressClass.PRIVATE),
        ("127.0.0.1", AddressClass.LOOPBACK),
        ("169.254.3.4", AddressClass.LINK_LOCAL),
        ("fe80::1%eth0", AddressClass.LINK_LOCAL),
        ("169.254.169.254", AddressClass.METADATA),
        ("198.51.100.7", AddressClass.OTHER),
        ("198.18.0.1", AddressClass.OTHER),
        ("192.0.0.8", AddressClass.OTHER),
        ("64:ff9b:1::1", AddressClass.OTHER),
        ("2001::1", AddressClass.OTHER),
        ("2001:db8::1", AddressClass.OTHER),
        ("233.252.0.1", AddressClass.OTHER),
        ("100::1", AddressClass.OTHER),
    ],
)
def test_classes(address: str, kind: AddressClass) -> None:
    assert classify(address) == kind


@given(st.ip_addresses(v=4))
def test_a_public_ipv4_address_is_globally_reachable(address: ipaddress.IPv4Address) -> None:
    kind = classify(str(address))
    if kind == AddressClass.PUBLIC:
        assert address.is_global
        assert not address.is_multicast
    assert classify(f"::ffff:{address}") == kind
    assert classify(f"64:ff9b::{address}") == kind


@given(st.ip_addresses(v=6))
def test_a_public_ipv6_address_is_global_unicast(address: ipaddress.IPv6Address) -> None:
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address not in ipaddress.IPv6Network("64:ff9b::/96"):
        if classify(str(address)) == AddressClass.PUBLIC:
            assert address in ipaddress.IPv6Network("2000::/3")
            assert address.is_global
    elif inner is not None:
        assert classify(str(address)) == classify(str(inner))


@pytest.mark.parametrize(
    ("base", "settings", "text"),
    [
        ("http://{HOST}:{PORT}", {"HOST": "Lamp.LAN", "PORT": "8088"}, "http://lamp.lan:8088"),
        ("http://{HOST}", {"HOST": "10.0.0.5"}, "http://10.0.0.5"),
        ("http://{HOST}:{PORT}/", {"HOST": "fd00::1", "PORT": "80"}, "http://[fd00::1]"),
        ("https://{HOST}/api/{TENANT}", {"HOST": "[FD00::1]", "TENANT": "a b"}, "https://[fd00::1]/api/a%20b"),
        ("https://{REGION}.api.example:8443/v1", {"REGION": "eu"}, "https://eu.api.example:8443/v1"),
        ("https://api.example", {}, "https://api.example"),
    ],
)
def test_endpoints(base: str, settings: dict[str, str], text: str) -> None:
    assert str(compile_base(base).fill("lamp@desk", settings)) == text


@pytest.mark.parametrize(
    "base",
    [
        "", "ftp://{HOST}", "{SCHEME}://x", "http://", "http://{HOST}@evil.example", "http://user:pw@{HOST}",
        "http://{HOST}?a={B}", "http://{HOST}#x", "http://{HOST}/../x", "http://{HOST}:{PORT}{X}", "http://a..b",
        "http://host:99999", "http://127.1", "http://[::1", "http://{host}",
    ],
)  # fmt: skip
def test_a_base_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(FabricError) as caught:
        compile_base(base)
    assert caught.value.code == Code.MANIFEST_INVALID


async def profile(rig: Any, found: list[str], base: str, host: str = "lamp.example") -> dict[str, Any]:
    rig.dns = lambda name: found
    target = rig.target(settings={"HOST": host, "PORT": "8443"})
    return dict(await rig.driver.address(rig.manifest(base=base), target))


async def test_profiles_name_the_address_unless_tls_binds_the_name(http_rig: Any) -> None:
    shape = {"scheme": "https", "host": "lamp.example", "port": 8443, "tls": "verify", "class": "public"}
    assert await profile(http_rig, ["93.184.216.34"], "https://{HOST}:{PORT}") == shape
    shape = {"scheme": "http", "host": "lamp.example", "port": 8443, "tls": "none", "class": "public"}
    assert await profile(http_rig, ["93.184.216.34"], "http://{HOST}:{PORT}") == {**shape, "ip": "93.184.216.34"}


async def test_profiles_name_private_addresses_and_prefixes(http_rig: Any) -> None:
    given = await profile(http_rig, ["10.0.0.6", "10.0.0.5"], "https://{HOST}:{PORT}/v1")
    assert (given["ip"], given["class"], given["prefix"]) == ("10.0.0.5,10.0.0.6", "private", "/v1")


async def test_a_literal_is_not_resolved(http_rig: Any) -> None:
    def fail(host: str) -> list[str]:
        raise AssertionError(host)

    http_rig.dns = fail
    given = await http_rig.driver.address(http_rig.manifest(), http_rig.target())
    assert (given["ip"], given["class"]) == ("127.0.0.1", "loopback")


async def test_round_robin_among_pinned_addresses_keeps_the_profile(http_rig: Any) -> None:
    base = "http://{HOST}:{PORT}"
    first = await profile(http_rig, ["10.0.0.5", "10.0.0.6", "10.0.0.7"], base)
    assert await profile(http_rig, ["10.0.0.7", "10.0.0.5"], base) == first


async def test_a_pin_holds_until_it_is_dropped(http_rig: Any) -> None:
    base = "http://{HOST}:{PORT}"
    await profile(http_rig, ["10.0.0.5"], base)
    for _ in range(2):
        with pytest.raises(FabricError) as caught:
            await profile(http_rig, ["10.0.0.9"], base)
        assert caught.value.code == Code.ADDRESS_CHANGED
    await http_rig.driver.forget("lamp@desk")
    assert (await profile(http_rig, ["10.0.0.9"], base))["ip"] == "10.0.0.9"


async def test_the_next_address_is_tried_where_the_first_refuses(http_peer: Any, http_rig: Any) -> None:
    http_rig.dns = lambda host: ["127.0.0.2", "127.0.0.1"]
    target = http_rig.target(settings={"HOST": "lamp.example", "PORT": str(http_peer.port)})
    assert (await http_rig.perform(target=target)).ok


async def test_the_systems_resolver_answers() -> None:
    assert "127.0.0.1" in await resolve_name("localhost", 80)
