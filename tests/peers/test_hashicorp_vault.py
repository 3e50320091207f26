"""Secrets out of a real server: `vault` where it is installed, else OpenBao, which speaks the same API."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hvac
import pytest
import requests

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.words.plan import Outcome
from infrafabric.kernel.words.things import AddressClass, Target
from infrafabric.keys.backends.hashicorp import HashicorpBackend

if TYPE_CHECKING:
    from world import Attackers, World

BAO = Path(__file__).resolve().parents[2] / ".peers" / "openbao" / "bin" / "bao"
BINARY = shutil.which("vault") or (str(BAO) if BAO.exists() else None)
ROOT = "root-token-of-a-dev-server"
SECRET = "correct-horse-battery-staple"

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither vault nor tests/peers/install-openbao.sh")


@dataclass(frozen=True)
class Server:
    address: str
    client: hvac.Client

    def token_for(self, policy: str) -> str:
        """A token that may do what `policy` says."""
        self.client.sys.create_or_update_policy("test", policy)
        return str(self.client.auth.token.create(policies=["test"], no_parent=True)["auth"]["client_token"])

    def backend(self, token: str, **more: object) -> HashicorpBackend:
        return HashicorpBackend({"address": self.address, "token": "env:T", **more}, lambda reference: token)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("vault")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert BINARY is not None
    place = f"127.0.0.1:{port}"
    command = [BINARY, "server", "-dev", f"-dev-root-token-id={ROOT}", f"-dev-listen-address={place}"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        client = hvac.Client(url=f"http://{place}", token=ROOT)
        give_up = time.monotonic() + 30
        while True:
            try:
                if client.sys.is_initialized() and not client.sys.is_sealed():
                    break
            except requests.ConnectionError:
                pass
            assert process.poll() is None and time.monotonic() < give_up, (folder / "log").read_text()
            time.sleep(0.1)
        yield Server(f"http://{place}", client)
    finally:
        process.terminate()
        process.wait(10)


def code_of(backend: HashicorpBackend, name: str) -> Code:
    with pytest.raises(FabricError) as refused:
        backend.get(name)
    assert SECRET not in str(refused.value)
    return refused.value.code


def test_a_new_version_counts_at_once_and_a_deleted_one_is_gone(server: Server) -> None:
    kv = server.client.secrets.kv.v2
    kv.create_or_update_secret(path="studio/house", secret={"token": "the first value"})
    token = server.token_for('path "secret/data/studio/*" { capabilities = ["read"] }')
    backend = server.backend(token)
    assert backend.get("studio/house#token") == "the first value"
    kv.create_or_update_secret(path="studio/house", secret={"token": SECRET, "number": 5})
    assert backend.get("studio/house#token") == SECRET
    assert code_of(backend, "studio/house#number") is Code.SECRET_NOT_TEXT
    assert code_of(backend, "studio/house#nothing") is Code.SECRET_UNKNOWN
    assert code_of(backend, "studio/nothing#token") is Code.SECRET_UNKNOWN
    assert code_of(backend, "elsewhere#token") is Code.SECRET_BACKEND_AUTH
    kv.delete_latest_version_of_secret(path="studio/house")
    assert code_of(backend, "studio/house#token") is Code.SECRET_UNKNOWN


def test_a_revoked_token_and_another_mount(server: Server) -> None:
    server.client.sys.enable_secrets_engine("kv", path="shelf/inner", options={"version": "2"})
    server.client.secrets.kv.v2.create_or_update_secret(path="a", secret={"b": SECRET}, mount_point="shelf/inner")
    token = server.token_for('path "shelf/inner/data/*" { capabilities = ["read"] }')
    backend = server.backend(token, mount="shelf/inner")
    assert backend.get("a#b") == SECRET
    server.client.auth.token.revoke(token)
    assert code_of(backend, "a#b") is Code.SECRET_BACKEND_AUTH


async def test_an_action_with_a_secret_of_the_server(server: Server, world: World, attackers: Attackers) -> None:
    server.client.secrets.kv.v2.create_or_update_secret(path="studio/lamps", secret={"token": SECRET})
    token = server.token_for('path "secret/data/studio/*" { capabilities = ["read"] }')
    table = f'[secrets.hashicorp]\naddress = "{server.address}"\ntoken = "vault:VAULT_TOKEN"\n'
    world.home.settings_file.write_text(table)
    async with world.opened() as house:
        house.vault.set("VAULT_TOKEN", token)
        target = Target(
            name="house@home",
            settings={"HOUSE_PORT": str(world.peer.port)},
            secrets={"HOUSE_TOKEN": "hashicorp:studio/lamps#token"},
            allow_addresses=(AddressClass.LOOPBACK,),
        )
        await house.record(house.operator("1" * 32).target(target, "test"))
        plan = 'async def plan(self, intent, host):\n    await host.read("state")\n    return Plan()'
        with_secret = {
            "secrets: []}": "secrets: [HOUSE_TOKEN]}",
            'state: {read: "GET /state"}': 'state: {read: "GET /state", headers: {X-Token: {secret: HOUSE_TOKEN}}}',
        }
        name = await attackers.install(house, plan, **with_secret)
        report = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
        assert (report.error, report.outcome) == (None, Outcome.CONVERGED)
        server.client.secrets.kv.v2.delete_latest_version_of_secret(path="studio/lamps")
        refused = await house.kernel.act(world.ask(name, {"lamps": {"hall": True}}))
    assert refused.error is not None and refused.error.code is Code.SECRET_UNKNOWN
    assert world.peer.reads == ["/state"]
