"""What keeps secrets outside of the home: the backends that ship, and those of the loaded extensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from infrafabric.control.settings import Settings
from infrafabric.kernel.errors import Code, FabricError
from infrafabric.kernel.hooks import SecretContext
from infrafabric.kernel.ports import SecretBackend

__all__ = ["load_backends"]

TOKENS_FROM = ("vault:", "env:", "file:")


def load_backends(settings: Settings, resolve: Callable[[str], str]) -> dict[str, SecretBackend]:
    """All backends by scheme, each made with the table `[secrets.NAME]` of the plugin that offers it.

    Raises IF_ERR_SETTINGS_INVALID for a table that no plugin takes, for a scheme that an extension may not have, and
    for two backends of one scheme.
    """
    from infrafabric.control.starting import load_plugins
    from infrafabric.keys.backends.offers import SHIPPED

    plugins = load_plugins(settings.extensions)
    for shipped in SHIPPED:
        plugins.register(shipped, name=f"{shipped.name} secrets")
    own = {f"{shipped.name} secrets": shipped.name for shipped in SHIPPED}
    tables: Mapping[str, Mapping[str, Any]] = settings.secrets
    known = {*own.values(), *settings.extensions}
    if unknown := set(tables) - known:
        raise FabricError(Code.SETTINGS_INVALID, f"secrets.{min(unknown)} belongs to no loaded extension")
    backends: dict[str, SecretBackend] = {}
    for name, plugin in plugins.list_name_plugin():
        others = [other for _, other in plugins.list_name_plugin() if other is not plugin]
        offer = plugins.subset_hook_caller("secret_backends", remove_plugins=others)
        table = tables.get(own.get(name, name), {})
        for offered in offer(context=SecretContext(table, _only_at_hand(resolve))):
            for scheme in offered:
                if name not in own and not scheme.startswith("x-"):
                    raise FabricError(
                        Code.SETTINGS_INVALID, f"extensions: {name} offers {scheme}: secrets; its schemes begin with x-"
                    )
                if scheme in backends:
                    raise FabricError(Code.SETTINGS_INVALID, f"extensions: two of them offer {scheme}: secrets")
            backends.update(offered)
    return backends


def _only_at_hand(resolve: Callable[[str], str]) -> Callable[[str], str]:
    """A backend's own secrets come from the home: one that asked another backend could ask itself."""

    def resolved(reference: str) -> str:
        if not reference.startswith(TOKENS_FROM):
            raise FabricError(Code.SECRET_REFERENCE, "a backend's own secret is given as vault:, env: or file:")
        return resolve(reference)

    return resolved
