"""The runner of pages fails where a page does not tell the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from homes import Ifctl
from pages import Page

TRUE = """
`note.txt`:

```
one   line
```

```console
$ cat note.txt
one line
$ ifctl target add vmix@a VMIX_HOST=127.0.0.1 VMIX_PORT=1 \\
    --why "a test"
…
$ ifctl target list
…
vmix@a …
…
$ ifctl target remove vmix@b --why "a test"
IF_ERR_TARGET_UNKNOWN: …
…
[1]
```
"""


def test_a_true_page_runs(bare_home: Ifctl, tmp_path: Path) -> None:
    assert Page(TRUE).run(bare_home, tmp_path) == 4


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("one line\n$", "two lines\n$"),
        ("one line\n$", "one line\nand another\n$"),
        ("vmix@a …\n…\n", "vmix@a …\n"),
        ("vmix@a …", "vmix@c …"),
        ("[1]", "[2]"),
        ("TARGET_UNKNOWN", "TARGET_MISMATCH"),
        ("$ cat", "$ rm"),
    ],
)
def test_a_false_page_does_not(bare_home: Ifctl, tmp_path: Path, true: str, false: str) -> None:
    assert true in TRUE
    with pytest.raises(AssertionError):
        Page(TRUE.replace(true, false)).run(bare_home, tmp_path)


def test_an_id_stands_for_the_one_that_came() -> None:
    page = Page("")
    one, two = "0199aaaa-0000-7000-8000-000000000001", "0199aaaa-0000-7000-8000-000000000002"
    came, other = "0199bbbb-0000-7000-8000-00000000000a", "0199bbbb-0000-7000-8000-00000000000b"
    page._compare("x", [f"action {one}", f"again {one}", f"and {two}"], f"action {came}\nagain {came}\nand {other}\n")
    assert page.ids == {one: came, two: other}
    with pytest.raises(AssertionError):
        page._compare("x", [f"action {one}"], f"action {other}\n")
