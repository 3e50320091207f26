"""Where the local door is: reached by long paths too, replaced where a killed kernel left it, and nobody else's."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from infrafabric.control.local.place import NAME, bind, connect, is_own, is_served, unbind
from infrafabric.kernel.errors import Code, FabricError

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets of that family here")


@pytest.fixture(params=["short", "long"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "long" and sys.platform != "linux":
        pytest.skip("only Linux reaches a socket through its folder's descriptor")
    folder = tmp_path / ("h" if request.param == "short" else "h" * 120)
    folder.mkdir()
    if request.param == "short" and len(os.fsencode(str(folder / NAME))) > 100:
        pytest.skip("this machine's temporary folder has too long a name")
    return folder


def test_a_kernel_is_reached_while_it_listens_and_not_after(home: Path) -> None:
    assert not is_served(home)
    door = bind(home)
    assert door is not None
    with door:
        assert (home / NAME).stat().st_mode & 0o777 == 0o600
        connection = connect(home)
        assert connection is not None
        with connection:
            assert is_own(connection)
        assert is_served(home)
    assert (home / NAME).exists()
    assert not is_served(home)  # as a killed kernel leaves it
    again = bind(home)
    assert again is not None
    with again:
        assert is_served(home)
    unbind(home)
    unbind(home)
    assert not (home / NAME).exists()


def test_what_is_no_socket_stays(home: Path) -> None:
    (home / NAME).write_text("mine")
    with pytest.raises(FabricError) as refused:
        bind(home)
    assert refused.value.code is Code.PORT_TAKEN
    unbind(home)
    assert (home / NAME).read_text() == "mine"
    assert not is_served(home)
