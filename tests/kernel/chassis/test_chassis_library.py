"""The part of the standard library that an adapter has: it is in the component's snapshot, or it does not exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sandbox import plan, planning, program

from infrafabric.kernel import chassis
from infrafabric.kernel.chassis import Chassis
from infrafabric.kernel.errors import Code, FabricError

PRELUDE = Path(chassis.__file__).parent / "guest" / "prelude.py"


def promised() -> list[str]:
    """What `prelude.py` allows, read and not imported: on import it puts stand-ins among the modules."""
    for node in ast.parse(PRELUDE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_ALLOWED":
            names: str = ast.literal_eval(node.value)
            return names.split()
    raise AssertionError("prelude.py has no _ALLOWED")


async def test_every_module_that_is_promised_can_be_imported(sandbox: Chassis) -> None:
    names = promised()
    assert len(names) > 50
    imports = "".join(f"import {name}\n" for name in names if name != "__future__")
    assert (await plan(sandbox, program(imports + planning("return Plan(note='all')")))).done["note"] == "all"


USES = {
    "Decimal('0.1') + Decimal('0.2')": "0.3",
    "escape(unescape('&lt;') + '<')": "&lt;&lt;",
    "tomllib.loads('a = 1')['a']": "1",
    "statistics.median([3, 1, 2])": "2",
    "html.unescape('&eacute;')": "é",
    "urllib.parse.quote('a b')": "a%20b",
    "dataclasses.make_dataclass('Point', ['x'])(1).x": "1",
    "inspect_free(1)": "1",
    "'é'.encode('utf-16-le').hex()": "e900",
}


async def test_modules_work_without_their_docstrings_and_asserts(sandbox: Chassis) -> None:
    head = (
        "import dataclasses, html, statistics, tomllib, urllib.parse\nfrom decimal import Decimal\n"
        "from functools import singledispatch\nfrom xml.sax.saxutils import escape, unescape\n"
        "@singledispatch\ndef inspect_free(x):\n    return 0\n"
        "@inspect_free.register\ndef _(x: int):\n    return x\n"
    )
    body = planning(f"return Plan(note='|'.join(str(x) for x in [{', '.join(USES)}]))")
    assert (await plan(sandbox, program(head + body))).done["note"].split("|") == list(USES.values())


async def test_an_assert_of_the_adapter_stays(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, "assert intent == 1, 'no one'", {"intent": 2})
    assert "AssertionError: no one" in caught.value.message


async def test_an_error_in_the_library_names_its_file_and_line(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, program("import json\n" + planning("json.loads('{')")))
    assert caught.value.code is Code.ADAPTER_FAILED
    assert "(decoder.py:3" in caught.value.message


@pytest.mark.parametrize("name", ["urllib.request", "http.client", "socket", "inspect", "email"])
async def test_what_is_not_promised_is_not_there(sandbox: Chassis, name: str) -> None:
    with pytest.raises(FabricError) as caught:
        await sandbox.load(program(f"import {name}\n" + planning("return Plan()")))
    assert caught.value.code is Code.ENTRYPOINT_INVALID
    assert "is not there in the sandbox" in caught.value.message


async def test_the_way_to_the_network_that_the_library_would_take_says_what_to_do(sandbox: Chassis) -> None:
    with pytest.raises(FabricError) as caught:
        await plan(sandbox, program("import urllib.parse\n" + planning("urllib.request.urlopen('http://a')")))
    assert "ask the host with host.read" in caught.value.message
