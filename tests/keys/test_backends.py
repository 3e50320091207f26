"""Backends for secrets: their references, what they refuse, and that nothing of the environment counts."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import keyring.backend
import keyring.errors
import pytest
import trustme

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.backends.hashicorp import HashicorpBackend
from infrafabric.keys.backends.offers import Offer
from infrafabric.keys.backends.os_keyring import KeyringBackend
from infrafabric.keys.redaction import MASK, SecretRedactor
from infrafabric.keys.references import References
from infrafabric.keys.vault_content import Kept

TOKEN = "hvs.the-token-of-the-kernel"
SECRET = "correct-horse-battery"


class Desk:
    name, tenant = "lamp@desk", "default"


class NoVault:
    def kept(self, name: str) -> Kept:
        raise FabricError(Code.SECRET_UNKNOWN, f"the vault holds no secret {name!r}")


def code_of(step: Callable[[], object]) -> Code:
    with pytest.raises(FabricError) as refusal:
        step()
    assert SECRET not in str(refusal.value) and TOKEN not in str(refusal.value)
    return refusal.value.code


def token(_: str) -> str:
    return TOKEN


# --- the keyring of the operating system


class FileKeyring(keyring.backend.KeyringBackend):
    """A keyring of the library's own kind, whose store is a file."""

    priority = 0.1
    place = Path()
    locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked(f"locked, though it holds {SECRET}")
        found = json.loads(self.place.read_text()).get(f"{service} {username}")
        return None if found is None else str(found)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.place.write_text(json.dumps({f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        self.place.write_text("{}")


@pytest.fixture
def own_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyringBackend:
    monkeypatch.setattr(FileKeyring, "place", tmp_path / "keyring.json")
    monkeypatch.setitem(sys.modules, "own_keyrings.plain", sys.modules[__name__])
    monkeypatch.setitem(sys.modules, "own_keyrings", sys.modules[__name__])
    ring: keyring.backend.KeyringBackend = FileKeyring()  # type: ignore[no-untyped-call]
    ring.set_password("home-assistant", "kernel", SECRET)
    return KeyringBackend({"backend": "own_keyrings.plain.FileKeyring"}, token)


def test_a_secret_comes_out_of_the_keyring(own_keyring: KeyringBackend) -> None:
    assert own_keyring.get("home-assistant/kernel") == SECRET
    assert code_of(lambda: own_keyring.get("home-assistant/another")) is Code.SECRET_UNKNOWN


@pytest.mark.parametrize("name", ["", "service", "/user", "service/", "a\nb/c"])
def test_what_is_no_name_in_a_keyring_is_refused(own_keyring: KeyringBackend, name: str) -> None:
    assert code_of(lambda: own_keyring.get(name)) is Code.SECRET_REFERENCE


def test_a_locked_keyring_and_a_broken_one(own_keyring: KeyringBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    FileKeyring.place.write_text(f"no json, {SECRET}")
    assert code_of(lambda: own_keyring.get("home-assistant/kernel")) is Code.SECRET_BACKEND
    monkeypatch.setattr(FileKeyring, "locked", True)
    assert code_of(lambda: own_keyring.get("home-assistant/kernel")) is Code.SECRET_BACKEND_AUTH


@pytest.mark.parametrize(
    "options", [{"backend": "nowhere.Keyring"}, {"backend": "no name"}, {"backend": 3}, {"backends": "a.B"}]
)
def test_a_wrong_table_for_the_keyring_is_named(options: Mapping[str, object]) -> None:
    assert code_of(lambda: KeyringBackend(options, token)) is Code.SETTINGS_INVALID


def test_without_a_keyring_the_machine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.backend, "get_all_keyring", list)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "own_keyrings.plain.FileKeyring")
    assert code_of(lambda: KeyringBackend({}, token).get("a/b")) is Code.SECRET_BACKEND


def test_a_missing_library_names_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        options: Mapping[str, object] = {}
        resolve = staticmethod(token)

    monkeypatch.setitem(sys.modules, "hvac", None)
    monkeypatch.delitem(sys.modules, "infrafabric.keys.backends.hashicorp", raising=False)
    offer = Offer("hashicorp", "infrafabric.keys.backends.hashicorp:HashicorpBackend", "hashicorp-vault")
    backend = offer.secret_backends(Context())["hashicorp"]
    with pytest.raises(FabricError) as refused:
        backend.get("a#b")
    assert refused.value.code is Code.EXTRA_MISSING
    assert "pip install 'infrafabric[hashicorp-vault]'" in refused.value.message


# --- Vault's HTTP API, as its documentation has it (a real server: tests/peers/test_hashicorp_vault.py)


@contextmanager
def serving(
    answers: Mapping[str, tuple[int, Any]], tls: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[Any]]]:
    heard: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append((self.path, dict(self.headers)))
            status, body = answers.get(self.path, (404, {"errors": []}))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if status == 307:
                self.send_header("location", "/v1/elsewhere")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_address[1]}", heard
        finally:
            server.shutdown()
            thread.join()


def found(fields: Any) -> tuple[int, Any]:
    return 200, {"data": {"data": fields, "metadata": {"version": 1}}}


def backend(address: str, **more: object) -> HashicorpBackend:
    return HashicorpBackend({"address": address, "token": "env:TOKEN", "timeout_s": 0.5, **more}, token)


def test_a_field_is_read_with_the_token_of_the_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "of-the-environment")
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    monkeypatch.setenv("VAULT_NAMESPACE", "elsewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving({"/v1/kv/data/studio/ha": found({"token": SECRET})}) as (address, heard):
        assert backend(address, mount="kv").get("studio/ha#token") == SECRET
    (path, headers), *_ = heard
    assert path == "/v1/kv/data/studio/ha"
    assert headers["X-Vault-Token"] == TOKEN
    assert "X-Vault-Namespace" not in headers


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((403, {"errors": [f"permission denied for {SECRET}"]}), Code.SECRET_BACKEND_AUTH),
        ((404, {"errors": []}), Code.SECRET_UNKNOWN),
        ((404, {"data": {"data": None, "metadata": {"deletion_time": "2026-01-01T00:00:00Z"}}}), Code.SECRET_UNKNOWN),
        ((503, {"errors": ["Vault is sealed"]}), Code.SECRET_BACKEND),
        ((500, {"errors": [SECRET]}), Code.SECRET_BACKEND),
        ((307, {}), Code.SECRET_BACKEND),
        ((200, {"data": {"token": SECRET}}), Code.SECRET_BACKEND),
        ((200, f"not json {SECRET}".encode()), Code.SECRET_BACKEND),
        (found({"another": SECRET}), Code.SECRET_UNKNOWN),
        (found({"token": {"deep": SECRET}}), Code.SECRET_NOT_TEXT),
    ],
)
def test_what_else_a_server_may_answer(answer: tuple[int, Any], code: Code) -> None:
    with serving({"/v1/secret/data/ha": answer, "/v1/elsewhere": found({"token": SECRET})}) as (address, heard):
        assert code_of(lambda: backend(address).get("ha#token")) is code
    assert [path for path, _ in heard] == ["/v1/secret/data/ha"]


def test_a_server_that_is_not_there() -> None:
    with serving({}) as (address, _):
        pass
    assert code_of(lambda: backend(address).get("ha#token")) is Code.SECRET_BACKEND


def test_tls_is_checked_against_the_given_authority(tmp_path: Path) -> None:
    right, wrong = trustme.CA(), trustme.CA()
    right.cert_pem.write_to_path(str(tmp_path / "right.pem"))
    wrong.cert_pem.write_to_path(str(tmp_path / "wrong.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    right.issue_cert("127.0.0.1").configure_cert(tls)
    with serving({"/v1/secret/data/ha": found({"token": SECRET})}, tls) as (address, heard):
        assert backend(address, ca_file=tmp_path / "right.pem").get("ha#token") == SECRET
        assert code_of(lambda: backend(address, ca_file=tmp_path / "wrong.pem").get("ha#token")) is Code.SECRET_BACKEND
        assert code_of(lambda: backend(address).get("ha#token")) is Code.SECRET_BACKEND
    assert len(heard) == 1


@pytest.mark.parametrize(
    "name", ["", "ha", "ha#", "#token", "../sys#x", "a/../b#x", "a//b#x", "/a#x", "a?b#x", "a#b#c"]
)
def test_what_is_no_place_in_a_vault_is_refused_before_anything_is_sent(name: str) -> None:
    assert code_of(lambda: backend("http://127.0.0.1:1").get(name)) is Code.SECRET_REFERENCE


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"address": "http://vault.example:8200", "token": "env:T"},
        {"address": "https://user:pass@vault.example", "token": "env:T"},
        {"address": "https://vault.example", "token": TOKEN},
        {"address": "https://vault.example", "token": "hashicorp:a#b"},
        {"address": "https://vault.example", "token": "env:T", "verify": False},
        {"address": "https://vault.example", "token": "env:T", "ca_file": "/nowhere.pem"},
    ],
)
def test_a_wrong_table_for_vault_is_named_and_not_repeated(options: Mapping[str, object]) -> None:
    assert code_of(lambda: HashicorpBackend(options, token)) is Code.SETTINGS_INVALID


# --- references to them


class Asked:
    def __init__(self, value: Any) -> None:
        self.value = value
        self.threads: list[int] = []

    def get(self, name: str) -> str:
        self.threads.append(threading.get_ident())
        if isinstance(self.value, Exception):
            raise self.value
        return self.value  # type: ignore[no-any-return]


async def test_a_backend_is_asked_in_a_thread_and_what_it_gives_is_masked() -> None:
    redactor, asked = SecretRedactor(), Asked(SECRET)
    references = References(NoVault(), redactor, {"T": "from the environment"}, lambda: {"x-shelf": asked})
    opened = await references.open({"A": "x-shelf:any thing", "B": "env:T"}, Desk())
    assert opened == {"A": SECRET, "B": "from the environment"}
    assert asked.threads != [] and threading.get_ident() not in asked.threads
    assert redactor.redact(f"{SECRET} from the environment") == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (RuntimeError(f"while fetching {SECRET}"), Code.SECRET_BACKEND),
        (FabricError(Code.SECRET_BACKEND_AUTH, "no"), Code.SECRET_BACKEND_AUTH),
        (b"bytes", Code.SECRET_NOT_TEXT),
        ("short", Code.SECRET_TOO_SHORT),
        ("x" * 40_000, Code.TOO_LARGE),
    ],
)
async def test_what_a_backend_may_do_wrong(value: Any, code: Code) -> None:
    references = References(NoVault(), SecretRedactor(), {}, lambda: {"x-shelf": Asked(value)})
    with pytest.raises(FabricError) as refused:
        await references.open({"A": "x-shelf:thing"}, Desk())
    assert refused.value.code is code
    assert SECRET not in str(refused.value)


async def test_a_backend_that_does_not_come_back_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrafabric.keys.references.SLOW_S", 0.05)
    done = threading.Event()

    class Stuck:
        def get(self, name: str) -> str:
            done.wait(10)
            return SECRET

    references = References(NoVault(), SecretRedactor(), {}, lambda: {"x-shelf": Stuck()})
    try:
        with pytest.raises(FabricError) as refused:
            await references.open({"A": "x-shelf:thing"}, Desk())
    finally:
        done.set()
        await asyncio.sleep(0)
    assert refused.value.code is Code.SECRET_BACKEND


@pytest.mark.parametrize("reference", ["x-other:thing", "keyring:a/b", "y-shelf:thing", "https://host", "x-:thing"])
def test_a_scheme_that_nobody_keeps_is_refused(reference: str) -> None:
    references = References(NoVault(), SecretRedactor(), {}, lambda: {"x-shelf": Asked(SECRET)})
    assert code_of(lambda: references.resolve(reference)) is Code.SECRET_REFERENCE
