"""`hashicorp:PATH#FIELD`: secrets in HashiCorp Vault or OpenBao, KV version 2
(https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2), through the library `hvac`.

Everything comes from `[secrets.hashicorp]`: no VAULT_* variable, proxy or .netrc of the environment counts. Redirects
are not followed, since the token would go with them. Nothing is kept: a new version counts at once, and a server that
is down refuses the action.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import hvac
import hvac.exceptions
import requests
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["HashicorpBackend", "HashicorpOptions"]

_FORM = re.compile(r"([A-Za-z0-9_.-]{1,100}(?:/[A-Za-z0-9_.-]{1,100}){0,10})#([A-Za-z0-9_.-]{1,100})")
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(:[0-9]{1,5})?/?")
_ADDRESS = re.compile(r"https://[A-Za-z0-9.\-\[\]:]{1,255}/?")


class HashicorpOptions(BaseModel):
    """`[secrets.hashicorp]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str
    """`https://HOST:PORT`; `http://` only for this machine itself."""
    token: Annotated[str, Field(pattern=r"^(vault|env|file):.{1,500}$")]
    """Reference to the token."""
    mount: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}(/[A-Za-z0-9_-]{1,100}){0,5}$")] = "secret"
    """Where the KV engine is mounted."""
    namespace: Annotated[str, Field(pattern=r"^[A-Za-z0-9_/-]{0,200}$")] = ""
    ca_file: Path | None = None
    """CA certificates that the server's is checked against (PEM), in place of the public ones."""
    timeout_s: Annotated[float, Field(ge=0.1, le=15)] = 5.0
    """Seconds to connect, and to wait between two parts of the answer."""


class HashicorpBackend:
    """One server and one token. Asked from several threads; one request at a time."""

    def __init__(self, options: Mapping[str, object], resolve: Callable[[str], str]) -> None:
        """Raises IF_ERR_SETTINGS_INVALID."""
        try:
            self._options = chosen = HashicorpOptions.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(("secrets.hashicorp", *(str(part) for part in first["loc"])))
            raise FabricError(Code.SETTINGS_INVALID, f"{key}: {first['msg']}") from None
        if _ADDRESS.fullmatch(chosen.address) is None and _LOOPBACK.fullmatch(chosen.address) is None:
            raise FabricError(
                Code.SETTINGS_INVALID,
                "secrets.hashicorp.address is not https://HOST:PORT; http:// is for this machine itself alone",
            )
        if chosen.ca_file is not None and not chosen.ca_file.is_file():
            raise FabricError(Code.SETTINGS_INVALID, f"secrets.hashicorp.ca_file: {chosen.ca_file} is no file")
        self._resolve = resolve
        self._lock = threading.Lock()
        session = requests.Session()
        session.trust_env = False
        session.verify = True if chosen.ca_file is None else str(chosen.ca_file)
        self._client = hvac.Client(
            url=chosen.address.rstrip("/"),
            token="",
            session=session,
            verify=session.verify,
            timeout=chosen.timeout_s,
            namespace=chosen.namespace or None,
            allow_redirects=False,
        )

    def get(self, name: str) -> str:
        """The field of the newest version at PATH. Raises IF_ERR_SECRET_REFERENCE, IF_ERR_SECRET_UNKNOWN,
        IF_ERR_SECRET_BACKEND, IF_ERR_SECRET_BACKEND_AUTH, and what the token's own reference raises."""
        found = _FORM.fullmatch(name)
        if found is None or ".." in found[1].split("/"):
            raise FabricError(Code.SECRET_REFERENCE, "what follows hashicorp: is not PATH#FIELD")
        path, field = found[1], found[2]
        token = self._resolve(self._options.token)
        with self._lock:
            self._client.token = token
            fields = self._read(path)
        value = fields.get(field)
        if value is None:
            raise FabricError(Code.SECRET_UNKNOWN, f"Vault holds no field {field} at {path}")
        if not isinstance(value, str):
            raise FabricError(Code.SECRET_NOT_TEXT, f"Vault holds no text in the field {field} at {path}")
        return value

    def _read(self, path: str) -> Mapping[str, Any]:
        """The fields at `path`. What the server or the library says is not repeated: it may hold what was fetched."""
        where = f"Vault at {self._options.address}"
        try:
            answer = self._client.secrets.kv.v2.read_secret_version(
                path=path, mount_point=self._options.mount, raise_on_deleted_version=True
            )
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized):
            raise FabricError(Code.SECRET_BACKEND_AUTH, f"{where} does not let this token read {path}") from None
        except hvac.exceptions.InvalidPath:
            raise FabricError(Code.SECRET_UNKNOWN, f"{where} holds nothing at {path}") from None
        except (hvac.exceptions.VaultError, requests.RequestException, OSError, ValueError) as error:
            raise FabricError(Code.SECRET_BACKEND, f"{where} failed: {type(error).__name__}") from None
        try:
            fields = answer["data"]["data"]
        except (KeyError, TypeError):
            fields = None
        if not isinstance(fields, dict):
            raise FabricError(Code.SECRET_BACKEND, f"{where} gave no answer of KV version 2")
        return fields
