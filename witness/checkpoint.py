"""Checkpoints (`c2sp.org/tlog-checkpoint`): a signed note that says which tree a log vouches for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.merkle import EMPTY_ROOT, HASH_BYTES
from infrafabric.witness.note import ED25519, Signer, Verifier, b64decode, b64encode, open_note, sign_note

__all__ = ["Checkpoint", "SignedCheckpoint", "open_checkpoint", "sign_checkpoint"]

MAX_SIZE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Origin, tree size and root hash. Written without extension lines, because nobody can audit them."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """From a note's text; extension lines are let through, not kept. Raises IF_ERR_NOTE_INVALID."""
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] != "" or not all(lines[:-1]):
            raise FabricError(Code.NOTE_INVALID, "a checkpoint has an origin, a size and a root hash, a line each")
        origin, size_text, root_text = lines[:3]
        try:
            size = int(size_text) if size_text.isascii() and size_text.isdigit() and len(size_text) < 20 else -1
            root = b64decode(root_text)
        except ValueError:
            raise FabricError(Code.NOTE_INVALID, "the checkpoint's root hash is not base64") from None
        if str(size) != size_text or not 0 <= size <= MAX_SIZE:
            raise FabricError(Code.NOTE_INVALID, f"{size_text[:40]!r} is no tree size")
        if len(root) != HASH_BYTES:
            raise FabricError(Code.NOTE_INVALID, "the checkpoint's root hash is not 32 bytes")
        if size == 0 and root != EMPTY_ROOT:
            raise FabricError(Code.NOTE_INVALID, "the checkpoint gives an empty tree a root that it cannot have")
        return cls(origin, size, root)

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint whose log signature was verified, with the note as it stands."""

    checkpoint: Checkpoint
    note: str
    cosigners: tuple[Verifier, ...] = ()
    """Keys of other names that signed it too and verified."""
    keys: tuple[bytes, ...] = ()
    """Public keys of the log that signed it, as far as they were known: two while one takes over from the other."""

    @property
    def size(self) -> int:
        return self.checkpoint.size

    @property
    def root(self) -> bytes:
        return self.checkpoint.root

    @property
    def origin(self) -> str:
        return self.checkpoint.origin


def sign_checkpoint(checkpoint: Checkpoint, *signers: Signer) -> SignedCheckpoint:
    """The checkpoint, signed by each of the log's keys."""
    note = sign_note(str(checkpoint), checkpoint.origin, *signers)
    return SignedCheckpoint(checkpoint, note, (), tuple([signer.public for signer in signers]))


def open_checkpoint(note: str | bytes, verifiers: Sequence[Verifier]) -> SignedCheckpoint:
    """Verify a checkpoint: one of the keys must be the log's own, that is, bear the origin as its name.

    Several of the log's keys may be given: one that signed it is enough, and none that did may fail.

    Raises IF_ERR_NOTE_INVALID.
    """
    opened = open_note(note, verifiers)
    checkpoint = Checkpoint.parse(opened.text)
    own = tuple(key.public for key in opened.verified if key.name == checkpoint.origin and key.type_byte == ED25519)
    if not own:
        raise FabricError(
            Code.NOTE_INVALID, f"the checkpoint of {checkpoint.origin[:80]} is not signed by that log's key"
        )
    others = tuple(key for key in opened.verified if key.name != checkpoint.origin)
    return SignedCheckpoint(checkpoint, note if isinstance(note, str) else note.decode(), others, own)
