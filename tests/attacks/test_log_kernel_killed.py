"""kill -9 while entries are being appended: what was acknowledged is there, and the log goes on."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from log_bench import Bench, intended

WRITER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from log_bench import Bench, intended

    async def appender(log):
        while True:
            for appended in await log.append(intended(""), intended("")):
                print(appended.index, flush=True)

    async def main():
        async with Bench(Path(sys.argv[1])).open() as log:
            await asyncio.gather(*(appender(log) for _ in range(int(sys.argv[2]))))

    asyncio.run(main())
    """
)


@pytest.mark.parametrize("appenders", [1, 20])
async def test_nothing_acknowledged_is_lost(tmp_path: Path, appenders: int) -> None:
    bench = Bench(tmp_path)
    acknowledged: set[int] = set()
    for round_ in range(3):
        with subprocess.Popen(  # noqa: ASYNC220 - the test waits for that process and nothing else
            [sys.executable, "-c", WRITER, str(tmp_path), str(appenders)],
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(Path(__file__).parent.parent / "support")},
            text=True,
        ) as process:
            assert process.stdout is not None
            for _ in range(150 + 37 * round_):
                acknowledged.add(int(process.stdout.readline()))
            process.kill()
            acknowledged |= {
                int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")
            }
        async with bench.open() as log:
            assert log.stopped is None
            assert log.size > max(acknowledged)
            assert log.size % 2 == round_ % 2, "entries of one call are in together or not at all"
            (await log.audit_all()).check()
            await log.append(intended(""))
