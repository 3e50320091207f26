"""The systemd unit of `ifctl up`: what systemd.exec(5) can take away from a process that needs none of it."""

from __future__ import annotations

import getpass
import math
import sys

from infrafabric.control.home import Home
from infrafabric.control.settings import load_settings
from infrafabric.kernel.errors import Code, FabricError

__all__ = ["unit"]

LAST_WRITE_S = 60
"""Beyond `[serve] stop_s`, for a write in hand and what is to be recorded of it."""

_TEXT = """\
# A kernel of {kind} kind. Put this into /etc/systemd/system/infrafabric.service, then
#   systemctl daemon-reload && systemctl enable --now infrafabric
{passphrase_note}\
[Unit]
Description=InfraFabric kernel of {root}
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User={user}
ExecStart={python} -m infrafabric.control.ifctl up --home {root}{passphrase}
{credential}\
Restart=on-failure
RestartSec=2
# The first SIGTERM ends it, requests and writes in hand first; workers are its own to end.
KillMode=mixed
TimeoutStartSec=300
TimeoutStopSec={stop_s}
UMask=0077

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writes}
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
# Workers leave the network behind: unshare(2).
RestrictNamespaces=user net
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute: the sandbox compiles WebAssembly to machine code.

[Install]
WantedBy=multi-user.target
"""

_NOTE = """\
# Its keys are protected. Before that, once:
#   systemd-ask-password -n | systemd-creds encrypt --name=infrafabric-passphrase - /etc/credstore.encrypted/infrafabric-passphrase
"""  # noqa: E501 - a command is one line


def unit(home: Home) -> str:
    """A unit for the home, run as the present user. Raises IF_ERR_SETTINGS_INVALID, IF_ERR_NAME_INVALID for a path that
    no unit can hold."""
    settings = load_settings(home.settings_file)
    production = not home.is_development
    return _TEXT.format(
        kind=home.kind,
        passphrase_note=_NOTE if production else "",
        root=_word(str(home.root)),
        user=getpass.getuser(),
        python=_word(sys.executable),
        passphrase=" --passphrase-file %d/infrafabric-passphrase" if production else "",
        credential="LoadCredentialEncrypted=infrafabric-passphrase\n" if production else "",
        stop_s=math.ceil(settings.serve.stop_s) + LAST_WRITE_S,
        writes=" ".join(_word(place) for place in (str(home.root), *settings.witness.anchors)),
    )


def _word(text: str) -> str:
    """`text` as one word of a unit's line: systemd.syntax(7) unquotes it, and systemd.unit(5) expands no specifier."""
    if any(ord(character) < 32 for character in text):
        raise FabricError(Code.NAME_INVALID, f"{text!r} has characters that no unit can hold")
    text = text.replace("%", "%%").replace("$", "$$")
    if not any(character in text for character in " \t\"'\\;"):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
