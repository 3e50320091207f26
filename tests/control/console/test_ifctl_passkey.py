"""`ifctl passkey`: seen and revoked from the command line."""

from __future__ import annotations

import asyncio

from authenticator import Authenticator
from homes import Ifctl

from infrafabric.control.home import Home
from infrafabric.control.house import open_house
from infrafabric.control.operator import OPERATOR
from infrafabric.kernel.words.names import new_trace_id
from infrafabric.keys.passkeys import base64url
from infrafabric.keys.passphrase import Passphrase


async def enrol(home: Ifctl, *devices: Authenticator) -> None:
    async with open_house(Home.open(home.home), "operating", passphrase=Passphrase(environ={})) as house:
        operator = house.operator(new_trace_id())
        await house.record(*(operator.passkey(one.passkey(OPERATOR), "a test") for one in devices))


def test_list_and_revoke(bare_home: Ifctl) -> None:
    plain, dashed = Authenticator(id=bytes(16)), Authenticator(id=b"\xf8" + bytes(15))
    names = [base64url(one.id) for one in (dashed, plain)]
    assert names[0].startswith("-")
    asyncio.run(enrol(bare_home, plain, dashed))
    rows = [{"id": name, "talent": OPERATOR, "rp_id": "localhost", "label": ""} for name in names]
    assert bare_home.ok("passkey", "list")["passkeys"] == rows
    assert bare_home.ok("passkey", "list", "--for", "operator")["passkeys"] == rows
    assert bare_home.ok("passkey", "revoke", names[1], "--why", "lost") == {"passkey": rows[1], "change": "revoked"}
    assert bare_home("passkey", "revoke", "--why", "lost", "--", names[0]).exit_code == 0
    assert bare_home.ok("passkey", "list")["passkeys"] == []
    assert bare_home.refused("passkey", "revoke", names[1], "--why", "lost")[1] == "IF_ERR_PASSKEY_UNKNOWN"
