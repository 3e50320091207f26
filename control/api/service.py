"""What every route works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import infrafabric
from infrafabric.control.api.auth.api_keys import ApiKeys
from infrafabric.control.api.auth.door import Door

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Service"]


@dataclass(slots=True)
class Service:
    """A house that is open for acting, and what the doors keep beside it for as long as it is."""

    house: House
    door: Door
    version: str = infrafabric.__version__

    @classmethod
    def of(cls, house: House) -> Service:
        """The service of an open house, its doors as the house's settings say."""
        return cls(house, Door([ApiKeys(house.authority, house.clock)]))
