"""Writes `witness.json`, the known-answer vectors of the log. Run once; the file is the format from then on."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from infrafabric.kernel.ports import Entry
from infrafabric.kernel.words.entries import ActionClosed, EffectIntended, Kind
from infrafabric.kernel.words.plan import Outcome
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.log import WitnessLog
from infrafabric.witness.signer import KeySigner
from infrafabric.witness.slots import Slots
from infrafabric.witness.sqlite_store import SqliteStore

SEED = bytes(range(32))
PSEUDONYM_KEY = bytes(range(32, 64))
NOW = 1_795_251_600.123
ACTION = "019a9c3e-5f00-7000-8000-000000000001"
TALENT = "if://agent/Finance.Agent/42"


class Counting:
    """Salts and nonces that count up, so that the bytes are the same each time."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, count: int) -> bytes:
        data = bytes((self._next + i) % 251 for i in range(count))
        self._next += count
        return data


async def vectors() -> dict[str, Any]:
    """The vectors as this version of the code gives them."""
    intended = EffectIntended(
        talent=TALENT, target="vmix@studio-a", trace="0af7651916cd43dd8448eb211c80319c",
        change="change-1", effect="cut", request="GET /api/?Function=Cut&Input=3 \u2014 \u00e9",
    )  # fmt: skip
    closed = ActionClosed(
        talent=TALENT, target="vmix@studio-a", capability="if://capability/vmix.switcher", outcome=Outcome.CONVERGED
    )
    with tempfile.TemporaryDirectory() as folder:
        log = await WitnessLog.open(
            SqliteStore(Path(folder) / "log.db"),
            Slots(Path(folder) / "slots"),
            origin="example.com/vectors",
            signer=KeySigner(SigningKey.from_seed(SEED)),
            pseudonym_key=PSEUDONYM_KEY,
            project=lambda entry, index, at: (),
            clock=lambda: NOW,
            random=Counting(),
        )
        await log.append(Entry(Kind.EFFECT_INTENDED, intended, ACTION, TALENT))
        await log.append(Entry(Kind.ACTION_CLOSED, closed, ACTION))
        entries = []
        for index in range(2):
            stored = log.entry(index)
            assert stored.body is not None
            assert stored.salt is not None
            entries.append({"leaf": stored.leaf.decode(), "body": stored.body.decode(), "salt": stored.salt.hex()})
        result = {
            "seed": SEED.hex(),
            "pseudonym_key": PSEUDONYM_KEY.hex(),
            "vkey": log.vkey,
            "entries": entries,
            "checkpoint": log.checkpoint(),
            "receipt": (await log.receipt(ACTION)).decode(),
            "tlog_proof": log.tlog_proof(1),
        }
        await log.close()
    return result


if __name__ == "__main__":
    path = Path(__file__).with_name("witness.json")
    if path.exists():
        raise SystemExit(f"{path.name} is there already; vectors are written once")
    path.write_text(json.dumps(asyncio.run(vectors()), indent=1, ensure_ascii=False) + "\n")
