"""A page lets its own name resolve to this machine, and its scripts call the kernel as if it were their server."""

from __future__ import annotations

import pytest
from served import Served

from infrafabric.control.api.frame.hosts import Hosts
from infrafabric.kernel.errors import Code, FabricError


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8400",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "0",
        "[::2]",
        "localhost@evil.example",
        "localhost:8400:1",
        "",
    ],
)
async def test_a_name_that_is_not_the_kernels_is_refused(served: Served, host: str) -> None:
    client = await served.operator()
    answer = await client.get("/v1/me", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "IF_ERR_HOST_UNKNOWN")
    assert "if://" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8400", "127.0.0.1:1", "[::1]:8400"])
async def test_loopbacks_own_names_are_taken(served: Served, host: str) -> None:
    assert (await (await served.operator()).get("/v1/me", headers={"Host": host})).status_code == 200


def test_names_of_the_settings_count_with_the_port_they_say() -> None:
    hosts = Hosts(["fabric.example", "studio.example:8443"])
    for name in ("fabric.example", "fabric.example:1", "studio.example:8443"):
        hosts.check(name)
    for name in ("studio.example", "studio.example:8400", "a.fabric.example"):
        with pytest.raises(FabricError) as refused:
            hosts.check(name)
        assert refused.value.code is Code.HOST_UNKNOWN


def test_listening_everywhere_makes_no_name_of_it() -> None:
    for address in ("0.0.0.0", "::"):  # noqa: S104
        with pytest.raises(FabricError):
            Hosts([], address).check("0.0.0.0" if address == "0.0.0.0" else "[::]")  # noqa: S104
