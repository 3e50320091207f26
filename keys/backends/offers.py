"""The backends that ship, each as a pluggy plugin of its own, so that each has its table of settings.

`vault:`, `env:` and `file:` need none: `keys.references` reads them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

import pluggy

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.references import Backend

__all__ = ["SHIPPED", "Offer"]

_extension = pluggy.HookimplMarker("infrafabric")  # the kernel's hooks, which this folder does not import


class _Context(Protocol):
    """`kernel.hooks.SecretContext`."""

    @property
    def options(self) -> Mapping[str, object]: ...

    @property
    def resolve(self) -> Callable[[str], str]: ...


@dataclass(frozen=True, eq=False)
class Offer:
    """A plugin that offers one backend under its own name as the scheme."""

    name: str
    place: str
    """`module:Class`, made with the options and `resolve`."""
    extra: str
    """The extra of the package that brings its library."""

    @_extension
    def secret_backends(self, context: _Context) -> Mapping[str, Backend]:
        """With options it is made at once, so that a wrong one is told at the start, else when it is first asked."""
        late = _Late(self, context)
        if context.options:
            late.made()
        return {self.name: late}


class _Late:
    """A backend that is made when it is first asked: its library takes a tenth of a second to import."""

    def __init__(self, offer: Offer, context: _Context) -> None:
        self._offer = offer
        self._context = context
        self._made: Backend | None = None

    def made(self) -> Backend:
        """Raises IF_ERR_EXTRA_MISSING, IF_ERR_SETTINGS_INVALID."""
        if self._made is None:
            module, _, name = self._offer.place.partition(":")
            try:
                backend = getattr(import_module(module), name)
            except ModuleNotFoundError as error:
                raise FabricError(
                    Code.EXTRA_MISSING,
                    f"{self._offer.name}: secrets need {error.name}: pip install 'infrafabric[{self._offer.extra}]'",
                ) from None
            self._made = cast(Backend, backend(self._context.options, self._context.resolve))
        return self._made

    def get(self, name: str) -> str:
        return self.made().get(name)


SHIPPED = (
    Offer("keyring", "infrafabric.keys.backends.os_keyring:KeyringBackend", "keyring"),
    Offer("hashicorp", "infrafabric.keys.backends.hashicorp:HashicorpBackend", "hashicorp-vault"),
)
"""Register each with `kernel.hooks.manager()` under its name to have its backend."""
