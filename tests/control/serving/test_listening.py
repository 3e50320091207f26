"""Where a kernel may listen."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from infrafabric.control.door_settings import ServeSettings
from infrafabric.control.serving.listening import Address, address_of, close, listen, tls_of
from infrafabric.kernel.errors import Code, FabricError

TLS: dict[str, Any] = {"tls_certificate": "/nowhere/cert.pem", "tls_key": "/nowhere/key.pem"}


def code(raised: pytest.ExceptionInfo[FabricError]) -> Code:
    return raised.value.code


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.7", "::1", "localhost"])
@pytest.mark.parametrize("development", [True, False])
def test_loopback_needs_nothing(host: str, development: bool) -> None:
    address = address_of(ServeSettings(host=host), development=development)
    assert address.loopback
    assert address.console_host(8400) == "http://localhost:8400"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])  # noqa: S104 - what is refused
def test_beyond_loopback_a_production_home_needs_tls_and_a_development_home_is_not_served(host: str) -> None:
    with pytest.raises(FabricError) as refused:
        address_of(ServeSettings(host=host), development=False)
    assert code(refused) is Code.TLS_REQUIRED
    for settings in (ServeSettings(host=host), ServeSettings(host=host, **TLS)):
        with pytest.raises(FabricError) as refused:
            address_of(settings, development=True)
        assert code(refused) is Code.PRODUCTION_ONLY
    address = address_of(ServeSettings(host=host, **TLS), development=False)
    assert not address.loopback
    assert address.url(1).startswith("https://")


def test_half_of_tls_is_none(tmp_path: Path) -> None:
    for name in TLS:
        with pytest.raises(FabricError) as refused:
            address_of(ServeSettings(**{name: TLS[name]}), development=False)
        assert code(refused) is Code.SETTINGS_INVALID
    with pytest.raises(FabricError) as refused:
        tls_of(ServeSettings(**TLS))
    assert code(refused) is Code.SETTINGS_INVALID
    bad = tmp_path / "cert.pem"
    bad.write_text("no certificate")
    with pytest.raises(FabricError) as refused:
        tls_of(ServeSettings(tls_certificate=str(bad), tls_key=str(bad)))
    assert code(refused) is Code.SETTINGS_INVALID
    assert tls_of(ServeSettings()) is None


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(FabricError) as refused:
            close(listen(Address("127.0.0.1", port, True, ("127.0.0.1",))))
    assert code(refused) is Code.PORT_TAKEN
    assert str(port) in refused.value.message


def test_all_that_localhost_stands_for_is_taken() -> None:
    """A link to the console says `localhost`: it leads to nobody else, whichever address a browser tries first."""
    for host in ("127.0.0.1", "::1", "localhost"):
        try:
            sockets = listen(address_of(ServeSettings(host=host, port=0), development=True))
        except FabricError:
            assert host == "::1" and not six(), "only IPv6 may be missing here"
            continue
        found = [one.getsockname() for one in sockets]
        close(sockets)
        assert {one[0] for one in found} == {"127.0.0.1", *(("::1",) if six() else ())}
        assert len({one[1] for one in found}) == 1, "one port"


def test_somebody_else_beside_is_told() -> None:
    if not six():
        pytest.skip("no IPv6 here")
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(FabricError) as refused:
            close(listen(address_of(ServeSettings(port=port), development=True)))
    assert code(refused) is Code.PORT_TAKEN
    assert f"::1 port {port}" in refused.value.message


def test_a_machine_without_ipv6_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def made(family: int = socket.AF_INET, *more: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *more)

    address = address_of(ServeSettings(port=0), development=True)
    monkeypatch.setattr(socket, "socket", made)
    sockets = listen(address)
    assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1"]
    close(sockets)


def six() -> bool:
    """Whether this machine has IPv6's loopback."""
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(FabricError) as refused:
        listen(Address("192.0.2.7", 0, False, ("192.0.2.7",)))
    assert code(refused) is Code.PORT_TAKEN


def test_nobody_is_let_in_before_the_server_listens() -> None:
    sockets = listen(Address("127.0.0.1", 0, True, ("127.0.0.1",)))
    with socket.socket() as early, pytest.raises(ConnectionRefusedError):
        early.connect(sockets[0].getsockname())
    close(sockets)
