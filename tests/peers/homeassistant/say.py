"""Says messages to a Home Assistant over its websocket and prints the results. Runs in Home Assistant's own venv.

    python say.py BASE onboard                 makes the owner of a fresh Home Assistant; prints its long-lived token
    python say.py BASE messages < lines.json   {"token", "messages": […]} → the results, in order, as JSON

The core_config step of onboarding is left out: it starts integrations that reach for the internet.
"""

import asyncio
import json
import sys
from typing import Any

import aiohttp


async def talk(
    http: aiohttp.ClientSession, base: str, token: str, messages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    async with http.ws_connect(base + "/api/websocket", max_msg_size=0) as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        greeting = await socket.receive_json()
        if greeting["type"] != "auth_ok":
            return [greeting]
        results: list[dict[str, Any]] = []
        for number, message in enumerate(messages, 1):
            await socket.send_json({"id": number, **message})
            while (reply := await socket.receive_json()).get("id") != number:
                pass
            results.append(reply)
        return results


async def onboard(http: aiohttp.ClientSession, base: str) -> str:
    owner = {
        "client_id": base + "/", "name": "Owner", "username": "owner", "password": "owner-pw", "language": "en",
    }  # fmt: skip
    async with http.post(base + "/api/onboarding/users", json=owner) as answer:
        code = (await answer.json())["auth_code"]
    grant = {"grant_type": "authorization_code", "code": code, "client_id": base + "/"}
    async with http.post(base + "/auth/token", data=grant) as answer:
        access = (await answer.json())["access_token"]
    ask = {"type": "auth/long_lived_access_token", "client_name": "tests", "lifespan": 365}
    return str((await talk(http, base, access, [ask]))[0]["result"])


async def main() -> None:
    base, what = sys.argv[1:]
    # A house that speaks TLS has a certificate of the test's own, on loopback.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
        if what == "onboard":
            print(await onboard(http, base))
        else:
            given = json.load(sys.stdin)
            json.dump(await talk(http, base, given["token"], given["messages"]), sys.stdout)


asyncio.run(main())
