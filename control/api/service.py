"""What every route works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import infrafabric
from infrafabric.control.api.auth.api_keys import ApiKeys
from infrafabric.control.api.auth.door import Door
from infrafabric.control.feed import Feed
from infrafabric.control.api.frame.rates import Rates
from infrafabric.control.api.idempotency import Answers
from infrafabric.control.crash import keep_crash
from infrafabric.kernel.errors import FabricError

if TYPE_CHECKING:
    from infrafabric.control.house import House

__all__ = ["Service"]


@dataclass(slots=True)
class Service:
    """A house that is open for acting, and what the doors keep beside it for as long as it is."""

    house: House
    door: Door
    answers: Answers = field(default_factory=Answers)
    """What was answered under which `Idempotency-Key`, of records; actions have theirs in the log."""
    version: str = infrafabric.__version__
    _made: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, house: House) -> Service:
        """The service of an open house, its doors as the house's settings say."""
        serve = house.settings.serve
        door = Door(
            [ApiKeys(house.authority, house.clock)],
            Rates("credential", serve.requests_rps, serve.requests_burst),
            Rates("refused", serve.refused_rps, serve.refused_burst),
        )
        return cls(house, door)

    def keep(self, error: BaseException, trace: str) -> FabricError:
        """Keep a fault's traceback in the home. Gives IF_ERR_INTERNAL to answer with."""
        return keep_crash(error, trace, self.house.home.crash, self.house.redactor.redact, tell_where=False)

    def once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Bytes that stay the same for as long as the process lives, made when they are first asked for."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]
