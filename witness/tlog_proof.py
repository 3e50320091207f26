"""Offline proof files of one entry (`c2sp.org/tlog-proof@v1`). Pure; `verify` checks them."""

from __future__ import annotations

from dataclasses import dataclass

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.witness.merkle import HASH_BYTES
from infrafabric.witness.note import b64decode, b64encode

__all__ = ["HEADER", "TlogProof"]

HEADER = "c2sp.org/tlog-proof@v1"
MAX_FILE_BYTES = 1 << 21
MAX_PROOF = 63


@dataclass(frozen=True, slots=True)
class TlogProof:
    """`extra` is not authenticated by the format; here it holds the leaf, which the proof itself then vouches for."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    def encode(self) -> str:
        lines = [HEADER]
        if self.extra is not None:
            lines.append(f"extra {b64encode(self.extra)}")
        lines.append(f"index {self.index}")
        lines += [b64encode(hash_) for hash_ in self.proof]
        return "\n".join(lines) + "\n\n" + self.checkpoint

    @classmethod
    def decode(cls, data: bytes) -> TlogProof:
        """Raises IF_ERR_RECEIPT_INVALID."""
        if len(data) > MAX_FILE_BYTES:
            raise FabricError(Code.RECEIPT_INVALID, f"a proof file of {len(data)} bytes is too large")
        try:
            head, gap, checkpoint = data.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise FabricError(Code.RECEIPT_INVALID, "the proof file is not UTF-8") from None
        lines = head.split("\n")
        if not gap or lines.pop(0) != HEADER:
            raise FabricError(Code.RECEIPT_INVALID, f"the file is no {HEADER}")
        try:
            extra = b64decode(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
            index = _index(lines.pop(0)) if lines else -1
            proof = tuple(b64decode(line) for line in lines)
        except ValueError:
            raise FabricError(Code.RECEIPT_INVALID, "the proof file holds something that is not base64") from None
        if index < 0:
            raise FabricError(Code.RECEIPT_INVALID, "the proof file has no index line")
        if len(proof) > MAX_PROOF or any(len(hash_) != HASH_BYTES for hash_ in proof):
            raise FabricError(Code.RECEIPT_INVALID, f"a proof is up to {MAX_PROOF} hashes of 32 bytes")
        return cls(index, proof, checkpoint, extra)


def _index(line: str) -> int:
    name, _, digits = line.partition(" ")
    if name != "index" or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        return -1
    return int(digits) if str(int(digits)) == digits else -1
