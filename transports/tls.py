"""TLS as every driver does it: verified, 1.2 or newer, the system's authorities and those that the operator adds."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from infrafabric.kernel.errors import Code, FabricError

__all__ = ["Tls"]


class Tls:
    """The context of one driver, made when it is first needed, or at once where the operator names authorities.

    `ca_file` is the option of that name under `[drivers.NAME]`: a PEM file. Raises IF_ERR_SETTINGS_INVALID for one that
    cannot be read.
    """

    def __init__(self, driver: str, ca_file: object, alpn: Sequence[str] = ()) -> None:
        self._driver = driver
        self._ca_file = ca_file
        self._alpn = list(alpn)
        self._context: ssl.SSLContext | None = None
        if ca_file is not None:
            self._context = self._make()

    def context(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = self._make()
        return self._context

    def _make(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._alpn:
            context.set_alpn_protocols(self._alpn)
        if self._ca_file is not None:
            try:
                context.load_verify_locations(cafile=str(self._ca_file))
            except OSError as error:
                raise FabricError(
                    Code.SETTINGS_INVALID,
                    f"drivers.{self._driver}.ca_file cannot be read ({error.strerror or 'not PEM'})",
                ) from None
        return context
