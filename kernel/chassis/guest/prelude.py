"""The standard library as an adapter finds it.

Whatever is imported here, at build time, is in the component's snapshot; nothing else exists in the guest. `ALLOWED`
is what adapter code may import. None of this is the security boundary, the component's empty import list is: these are
the clear errors that an author gets where the guest would trap.
"""

import sys
import types

__tracebackhide__ = True
_ALLOWED = """
    __future__ abc array base64 binascii bisect calendar cmath collections collections.abc contextlib copy csv
    dataclasses datetime decimal difflib enum fnmatch fractions functools graphlib hashlib heapq hmac html html.entities
    html.parser io ipaddress itertools json json.decoder math numbers operator pprint random re shlex statistics string
    struct textwrap tomllib types typing unicodedata urllib urllib.parse uuid weakref xml xml.etree
    xml.etree.ElementTree xml.sax xml.sax.saxutils zlib infrafabric infrafabric.adapters infrafabric.adapters.sdk
"""
ALLOWED = frozenset(_ALLOWED.split())
_CODECS = """
    ascii base64_codec cp1252 hex_codec idna iso8859_1 iso8859_15 latin_1 punycode raw_unicode_escape unicode_escape
    utf_16 utf_16_be utf_16_le utf_32 utf_8 utf_8_sig
"""
_CLOCKS = """
    time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time
    thread_time_ns localtime gmtime ctime asctime strftime sleep
"""


def _refusal(what: str, instead: str):
    def refuse(*args, **kwargs):
        raise PermissionError(f"{what} is not there in the sandbox: {instead}")

    return refuse


# xml.sax.saxutils would import it, and with it HTTP, sockets and mail, a tenth of the snapshot that nobody can use.
_request = types.ModuleType("urllib.request")
_request.urlopen = _request.pathname2url = _refusal("urllib.request", "ask the host with host.read")
sys.modules["urllib.request"] = _request
for _name in sorted(ALLOWED):
    __import__(_name)
for _name in _CODECS.split():
    __import__("encodings." + _name)
sys.modules["urllib"].request = sys.modules.pop("urllib.request")

import builtins  # noqa: E402
import datetime  # noqa: E402
import linecache  # noqa: E402, F401
import os  # noqa: E402
import random  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402, F401
import uuid  # noqa: E402
import warnings  # noqa: E402


def _no_clock(name: str):
    return staticmethod(_refusal(name, "there is no clock; read the time from the target, or use host.wait"))


class _DateTime(datetime.datetime):
    now = _no_clock("datetime.now")
    utcnow = _no_clock("datetime.utcnow")
    today = _no_clock("datetime.today")


class _Date(datetime.date):
    today = _no_clock("date.today")


class _Random(random.Random):
    """An unseeded generator takes its seed from the run's, since there is no entropy to take it from."""

    def __init__(self, x=None):
        super().__init__(random.getrandbits(64) if x is None else x)

    def seed(self, a=None, version=2):
        super().seed(random.getrandbits(64) if a is None else a, version)


class _Console:
    encoding = "utf-8"
    write = staticmethod(_refusal("the console", "put what people should read into Plan(note=…)"))

    def flush(self):
        pass


GUARDED = {
    "print": _refusal("print", "put what people should read into Plan(note=…)"),
    "open": _refusal("open", "ask the host with host.read"),
    "input": _refusal("input", "the intent has what the caller said"),
    "breakpoint": _refusal("breakpoint", "run the adapter under pytest"),
    "exit": _refusal("exit", "return a Plan or raise Refuse"),
    "quit": _refusal("quit", "return a Plan or raise Refuse"),
}
"""Builtins that adapter code finds changed."""


def seal() -> None:
    """Close what would trap: late imports, clocks, entropy, the console. Called last, at build time."""
    for name in _CLOCKS.split():
        if hasattr(time, name):
            setattr(time, name, _refusal("time." + name, "there is no clock; read the time from the target"))
    entropy = _refusal("entropy", "random is seeded by the kernel; take unpredictable values from a target")
    os.urandom = random._urandom = entropy
    os._exit = sys.exit = _refusal("exit", "return a Plan or raise Refuse")
    uuid.uuid1 = uuid.uuid4 = _refusal("uuid1 and uuid4", "use uuid5, or an id that the target gives")
    random.Random = _Random
    datetime.datetime, datetime.date = _DateTime, _Date
    for name, refusal in GUARDED.items():
        setattr(builtins, name, refusal)
    sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = _Console()
    sys.stdin = sys.__stdin__ = None
    sys.unraisablehook = lambda unraisable: None  # such as an error in __del__: there is no console to tell it to
    warnings.simplefilter("ignore")
    for places in (sys.path, sys.path_hooks, sys.meta_path):
        places.clear()
    sys.path_importer_cache.clear()
