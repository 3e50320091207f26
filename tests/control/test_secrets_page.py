"""docs/secrets.md tells the truth: its commands answer what it says, its tables load, its references are ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from homes import Ifctl
from pages import Page
from pydantic import TypeAdapter

from infrafabric.control.settings import Settings
from infrafabric.kernel.errors import Code
from infrafabric.kernel.words.things import SecretReference
from infrafabric.keys.backends.hashicorp import HashicorpOptions
from infrafabric.keys.backends.offers import SHIPPED
from infrafabric.keys.references import SLOW_S
from infrafabric.keys.vault_content import MOST_FORMER

PAGE = Path(__file__).parents[2].joinpath("docs", "secrets.md").read_text(encoding="utf-8")


def test_its_commands_answer_what_it_says(bare_home: Ifctl, tmp_path: Path) -> None:
    assert Page(PAGE).run(bare_home, tmp_path) == 7


def test_its_tables_are_settings() -> None:
    tables = [Settings(**tomllib.loads(text)).secrets for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]
    assert [sorted(table) for table in tables] == [["keyring"], ["hashicorp"]]
    given = re.sub(r"^# ", "", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1], flags=re.MULTILINE)
    everything = tomllib.loads(given)["secrets"]["hashicorp"]
    assert set(everything) == set(HashicorpOptions.model_fields)
    assert HashicorpOptions.model_validate(everything).timeout_s == HashicorpOptions.model_fields["timeout_s"].default


def test_its_references_are_ones_and_all_that_there_are() -> None:
    forms = re.findall(r"^\| `([a-z]+:[^`]+)` \|", PAGE, re.MULTILINE)
    for form in forms:
        TypeAdapter(SecretReference).validate_python(form)
    schemes = {form.partition(":")[0] for form in forms}
    assert schemes == {"vault", "env", "file", *(offer.name for offer in SHIPPED)}


def test_its_codes_numbers_and_extras_are_real() -> None:
    assert set(re.findall(r"IF_ERR_[A-Z_]+", PAGE)) <= {code.value for code in Code}
    assert f"Up to {MOST_FORMER} former values" in PAGE
    assert f"given {SLOW_S:g} seconds in all" in PAGE
    assert set(re.findall(r"infrafabric\[([a-z-]+)\]", PAGE)) == {offer.extra for offer in SHIPPED}
