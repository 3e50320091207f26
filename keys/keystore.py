"""A folder of private keys, one file each (see `keyfile`), encrypted under one passphrase."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyrage

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.files import OTHERS, Exposed, Unfit, create_file, locked, private_folder, read_file, replace_file
from infrafabric.keys.keyfile import MAX_BYTES, NAME, Algorithm, Kdf, KeyFile, Protection
from infrafabric.keys.passphrase import Passphrase
from infrafabric.keys.signing import PublicKey, SigningKey

__all__ = ["Keystore", "open_export"]

SUFFIX = ".key"


class Keystore:
    """The private keys of one home.

    Names are lower-case words such as `operator` or `log-2026`. Any number of processes may read while one writes.
    A home that is not `development` neither makes nor opens unprotected keys.
    """

    def __init__(
        self, folder: Path, passphrase: Passphrase, *, development: bool = False, kdf: Kdf | None = None
    ) -> None:
        self._folder = folder
        self._passphrase = passphrase
        self._development = development
        self._kdf = kdf if kdf is not None else Kdf()

    # --- reading

    def names(self) -> list[str]:
        """The names of all keys, sorted."""
        try:
            found = [path.stem for path in self._folder.glob(f"*{SUFFIX}")]
        except OSError as error:
            raise FabricError(Code.KEY_CORRUPT, f"{self._folder}: {error.strerror}") from None
        return sorted(name for name in found if NAME.fullmatch(name))

    def describe(self, name: str) -> KeyFile:
        """What a key's file says of it, without opening it. Raises IF_ERR_KEY_MISSING, _CORRUPT, _EXPOSED."""
        path = self._path(name)
        try:
            data = read_file(path, MAX_BYTES, OTHERS)
        except FileNotFoundError:
            raise FabricError(Code.KEY_MISSING, f"there is no private key {name}") from None
        except Exposed as problem:
            raise FabricError(Code.KEY_EXPOSED, f"{path} {problem}") from None
        except Unfit as problem:
            raise FabricError(Code.KEY_CORRUPT, f"{path} {problem}") from None
        except OSError as error:
            raise FabricError(Code.KEY_CORRUPT, f"{path}: {error.strerror}") from None
        file = KeyFile.parse(data, str(path))
        if file.name != name:
            raise FabricError(Code.KEY_CORRUPT, f"{path} holds the key {file.name}")
        return file

    def public(self, name: str) -> PublicKey:
        """The public half, without a passphrase: as the file states it. Only `load` proves that it belongs to it."""
        return PublicKey.from_base64(self._of_kind(name, Algorithm.ED25519).public)

    def load(self, name: str) -> SigningKey:
        """The signing key. Raises IF_ERR_KEY_*, IF_ERR_PASSPHRASE_REQUIRED, IF_ERR_PASSPHRASE_WRONG."""
        return SigningKey(self._open(self._of_kind(name, Algorithm.ED25519)))

    def recipient(self, name: str) -> str:
        """The public half (`age1…`) of an age identity, without a passphrase."""
        return self._of_kind(name, Algorithm.AGE).public

    def load_identity(self, name: str) -> str:
        """The age identity, as its text. Raises as `load` does."""
        return self._open(self._of_kind(name, Algorithm.AGE)).decode("ascii")

    # --- writing

    def create(self, name: str, protection: Protection = Protection.PASSPHRASE) -> SigningKey:
        """Make and store a signing key. Raises IF_ERR_EXISTS; see `add`."""
        key = SigningKey.generate()
        self.add(name, key, protection)
        return key

    def create_identity(self, name: str, protection: Protection = Protection.PASSPHRASE) -> str:
        """Make and store an age identity; gives its public half. Raises as `add` does."""
        secret = str(pyrage.x25519.Identity.generate()).encode("ascii")
        self._add(name, Algorithm.AGE, secret, protection)
        return self.recipient(name)

    def add(self, name: str, key: SigningKey, protection: Protection = Protection.PASSPHRASE) -> None:
        """Store a signing key made elsewhere.

        Raises IF_ERR_EXISTS, IF_ERR_PRODUCTION_ONLY, IF_ERR_PASSPHRASE_REQUIRED, IF_ERR_PASSPHRASE_TOO_SHORT,
        IF_ERR_PASSPHRASE_WRONG (it is not the passphrase of the keys that are there).
        """
        self._add(name, Algorithm.ED25519, key.seed, protection)

    def remove(self, name: str) -> None:
        """Delete a key's file, as after its export. Raises IF_ERR_KEY_MISSING."""
        path = self._path(name)
        with self._writing():
            try:
                path.unlink()
            except FileNotFoundError:
                raise FabricError(Code.KEY_MISSING, f"there is no private key {name}") from None
            except OSError as error:
                raise FabricError(Code.KEYS_UNWRITABLE, f"{path}: {error.strerror}") from None

    def succeed(self, name: str, heir: str) -> None:
        """Let the key `heir` take the name `name`, whose own key is gone from then on.

        Should the process die on the way, the same call completes it. Raises as `load` and `add` do.
        """
        with self._writing():
            file = self.describe(heir)
            secret = self._open(file)
            if file.kdf is None:
                renamed = KeyFile.bare(name, file.algorithm, secret)
            else:
                renamed = KeyFile.seal(name, file.algorithm, secret, self._passphrase.get(), self._kdf)
            replace_file(self._path(name), renamed.encoded)
        self.remove(heir)

    def change_passphrase(self, new: Passphrase) -> None:
        """Protect every protected key by `new`; unprotected ones stay so.

        Every key is opened before any is written. Should the process die between two files, running it again with the
        same passphrases completes the change. Raises IF_ERR_PASSPHRASE_WRONG, IF_ERR_PASSPHRASE_TOO_SHORT.
        """
        after = new.get_new()
        with self._writing():
            resealed = []
            for file in map(self.describe, self.names()):
                if file.kdf is not None:
                    secret = self._open_by_either(file, after)
                    resealed.append(KeyFile.seal(file.name, file.algorithm, secret, after, self._kdf))
            for file in resealed:
                replace_file(self._path(file.name), file.encoded)
            self._passphrase = new

    def export(self, name: str, path: Path, passphrase: Passphrase | None = None) -> None:
        """Write an encrypted copy of a key to a new file, under `passphrase` or else the store's own.

        Raises IF_ERR_EXISTS where there is a file already; otherwise as `load` and `add` do.
        """
        file = self.describe(name)
        under = (passphrase if passphrase is not None else self._passphrase).get_new()
        copy = KeyFile.seal(name, file.algorithm, self._open(file), under, self._kdf)
        create_file(path, copy.encoded)

    # --- inside

    def _path(self, name: str) -> Path:
        if NAME.fullmatch(name) is None:
            raise FabricError(Code.NAME_INVALID, f"{name[:60]!r} is no key name; one looks like operator")
        return self._folder / f"{name}{SUFFIX}"

    def _of_kind(self, name: str, algorithm: Algorithm) -> KeyFile:
        file = self.describe(name)
        if file.algorithm is not algorithm:
            raise FabricError(Code.KEY_CORRUPT, f"the key {name} is of kind {file.algorithm}, not {algorithm}")
        return file

    def _open(self, file: KeyFile) -> bytes:
        if file.protection is Protection.NONE:
            self._allow_unprotected(file.name)
            return file.open(b"")
        return file.open(self._passphrase.get())

    def _open_by_either(self, file: KeyFile, other: bytes) -> bytes:
        try:
            return file.open(self._passphrase.get())
        except FabricError as error:
            if error.code is not Code.PASSPHRASE_WRONG:
                raise
            return file.open(other)

    def _allow_unprotected(self, name: str) -> None:
        if not self._development:
            raise FabricError(Code.PRODUCTION_ONLY, f"the key {name} would be unprotected outside a development home")

    def _add(self, name: str, algorithm: Algorithm, secret: bytes, protection: Protection) -> None:
        path = self._path(name)
        with self._writing():
            if path.exists():
                raise FabricError(Code.EXISTS, f"there is a private key {name} already")
            if protection is Protection.NONE:
                self._allow_unprotected(name)
                file = KeyFile.bare(name, algorithm, secret)
            else:
                passphrase = self._passphrase.get_new()
                self._agrees(passphrase)
                file = KeyFile.seal(name, algorithm, secret, passphrase, self._kdf)
            replace_file(path, file.encoded)

    def _agrees(self, passphrase: bytes) -> None:
        """Raise unless the passphrase opens a key that is there, lest a mistyped one split the store in two."""
        for file in map(self.describe, self.names()):
            if file.kdf is not None:
                file.open(passphrase)
                return

    @contextmanager
    def _writing(self) -> Iterator[None]:
        private_folder(self._folder)
        with locked(self._folder / ".lock"):
            yield


def open_export(path: Path, passphrase: Passphrase) -> SigningKey:
    """The signing key in a file that `Keystore.export` wrote, wherever it lies.

    Its mode is not looked at, since removable disks have none: its content is encrypted. Raises IF_ERR_KEY_MISSING,
    IF_ERR_KEY_CORRUPT, IF_ERR_PASSPHRASE_REQUIRED, IF_ERR_PASSPHRASE_WRONG.
    """
    try:
        data = read_file(path, MAX_BYTES, 0)
    except FileNotFoundError:
        raise FabricError(Code.KEY_MISSING, f"there is no key file {path}") from None
    except Unfit as problem:
        raise FabricError(Code.KEY_CORRUPT, f"{path} {problem}") from None
    except OSError as error:
        raise FabricError(Code.KEY_CORRUPT, f"{path}: {error.strerror}") from None
    file = KeyFile.parse(data, str(path))
    if file.kdf is None or file.algorithm is not Algorithm.ED25519:
        raise FabricError(Code.KEY_CORRUPT, f"{path} is no exported signing key")
    return SigningKey(file.open(passphrase.get()))
