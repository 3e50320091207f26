"""A driver that is made when it is first needed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from infrafabric.kernel.hooks import DriverContext
from infrafabric.transports.extension import SHIPPED
from infrafabric.transports.http.driver import HttpDriver
from infrafabric.transports.late import LateDriver


async def test_it_is_made_once_and_only_when_used(http_rig: Any) -> None:
    made: list[HttpDriver] = []

    def make() -> HttpDriver:
        made.append(HttpDriver(DriverContext(http_rig.redactor, {})))
        return made[-1]

    late = LateDriver("http", make)
    assert late.health() == {}
    await late.forget("panel@one")
    await late.close()
    assert made == [], "nothing of that needs the driver"
    call = http_rig.call({"read": "GET /panel"})
    assert late.describe(call) == late.describe(call) == http_rig.driver.describe(call)
    assert len(made) == 1
    await late.close()


def test_what_drivers_speak_through_is_not_imported_before() -> None:
    code = (
        "import sys; from infrafabric.control.starting import load_drivers, load_plugins;"
        "from infrafabric.keys.redaction import SecretRedactor as R; load_drivers(load_plugins(()), {}, R());"
        "print(sorted({'h11', 'websockets', 'simpleobsws'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.strip() == "[]"


async def test_every_offer_leads_to_a_driver_of_its_name(http_rig: Any) -> None:
    for offer in SHIPPED:
        [(name, driver)] = offer.drivers(DriverContext(http_rig.redactor, {})).items()
        assert isinstance(driver, LateDriver)
        assert name == offer.name == driver._driver.name
