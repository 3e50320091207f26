"""TLS: verified always, to the name and not to the address."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from infrafabric.kernel.errors import Code

BASE = "https://{HOST}:{PORT}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


@pytest.fixture
async def tls_port(http_peer: Any, authority: trustme.CA) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("lamp.example", "127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(http_peer.serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await http_peer.hang_up()
    await server.wait_closed()


def at(rig: Any, host: str, port: int) -> Any:
    return rig.target(settings={"HOST": host, "PORT": str(port)})


@pytest.mark.parametrize("host", ["lamp.example", "127.0.0.1"])
async def test_a_trusted_name_is_reached_at_its_pinned_address(
    http_peer: Any, http_rig: Any, tls_port: int, ca_file: str, host: str
) -> None:
    http_rig.driver = http_rig.make(ca_file=ca_file)
    for _ in range(2):
        assert (await http_rig.perform(target=at(http_rig, host, tls_port), base=BASE)).ok
    assert (len(http_peer.heard), http_peer.connections) == (2, 1)
    assert http_peer.heard[0].headers["host"] == f"{host}:{tls_port}"


async def test_an_unknown_authority_is_refused_before_anything_is_sent(
    http_peer: Any, http_rig: Any, tls_port: int
) -> None:
    refused = await http_rig.refusal(target=at(http_rig, "lamp.example", tls_port), base=BASE)
    assert refused.code == Code.TARGET_UNREACHABLE
    assert "certificate" in refused.message
    assert "ca_file" in refused.remedy
    assert http_peer.heard == []


async def test_another_name_is_refused(http_peer: Any, http_rig: Any, tls_port: int, ca_file: str) -> None:
    http_rig.driver = http_rig.make(ca_file=ca_file)
    refused = await http_rig.refusal(target=at(http_rig, "other.example", tls_port), base=BASE)
    assert refused.code == Code.TARGET_UNREACHABLE
    assert "other.example" in refused.message
    assert http_peer.heard == []


async def test_plaintext_where_tls_was_meant_is_unreachable(http_peer: Any, http_rig: Any) -> None:
    refused = await http_rig.refusal(target=at(http_rig, "lamp.example", http_peer.port), base=BASE, timeout_s=2)
    assert refused.code == Code.TARGET_UNREACHABLE
    assert http_peer.heard == []
