"""`--claim` and `--evidence`: what an ask rests on, and the files that show it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infrafabric.control.cli.shell import Shell
from infrafabric.kernel.errors import Code, FabricError

if TYPE_CHECKING:
    from infrafabric.kernel.words.claims import Claim

__all__ = ["given_claim", "given_evidence"]

MAX_CLAIM = 256 << 10
MAX_EVIDENCE = 64 << 20


def given_claim(shell: Shell, given: str | None) -> Claim | None:
    """The claim in the file that `--claim [@]FILE` names.

    Raises IF_ERR_FILE_UNREADABLE, IF_ERR_TOO_LARGE, IF_ERR_JSON_INVALID, IF_ERR_CLAIM_INVALID.
    """
    if given is None:
        return None
    from pydantic import ValidationError

    from infrafabric.kernel.canonical import loads
    from infrafabric.kernel.words.claims import Claim

    path = Path(given.removeprefix("@"))
    try:
        return Claim.model_validate(loads(shell.read_file(path, MAX_CLAIM), limit=MAX_CLAIM))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FabricError(Code.CLAIM_INVALID, f"{path}: {where or 'the claim'}: {first['msg']}") from None


def given_evidence(shell: Shell, claim: Claim | None, files: tuple[Path, ...]) -> tuple[str, ...]:
    """Digests of the evidence files, each hashed here.

    Raises IF_ERR_CLAIM_INVALID for a file that the claim does not name and for evidence without a claim,
    IF_ERR_FILE_UNREADABLE, IF_ERR_TOO_LARGE.
    """
    from infrafabric.kernel.canonical import sha256

    if files and claim is None:
        raise FabricError(Code.CLAIM_INVALID, "--evidence needs the claim that names it: --claim FILE")
    named = {one.hash for one in claim.evidence} if claim is not None else set()
    found = []
    for path in files:
        digest = sha256(shell.read_file(path, MAX_EVIDENCE))
        if digest not in named:
            raise FabricError(Code.CLAIM_INVALID, f"{path} is {digest}, and no evidence of the claim has that hash")
        found.append(digest)
    return tuple(sorted(set(found)))
