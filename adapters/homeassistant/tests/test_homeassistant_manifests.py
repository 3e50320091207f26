"""The manifests: what the guest cannot dodge, and that the variants differ in what they must alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infrafabric.adapters.homeassistant.steps import ORDER
from infrafabric.adapters.homeassistant.wishes import FIELDS, STATES
from infrafabric.control.harness.recorded import check_call
from infrafabric.control.starting import load_drivers, load_plugins
from infrafabric.kernel.errors import FabricError
from infrafabric.kernel.words.manifest import Manifest
from infrafabric.keys.redaction import SecretRedactor
from infrafabric.registry.manifest import parse_draft

FOLDER = Path(__file__).resolve().parents[1]


def manifest(name: str) -> Manifest:
    place = FOLDER / "variants" / f"{name}.yaml" if "-" in name else FOLDER / f"{name}.yaml"
    return parse_draft(place.read_bytes()).manifest


@pytest.mark.parametrize("name", ["entity", "service", "entity-tls", "service-tls", "entity-rest"])
def test_the_driver_could_perform_every_effect(name: str) -> None:
    drivers = load_drivers(load_plugins(()), {}, SecretRedactor())
    made = manifest(name)
    drivers[made.driver].check(made)


@pytest.mark.parametrize("name", ["entity", "service"])
def test_over_tls_all_is_the_same_but_version_and_base(name: str) -> None:
    plain, tls = manifest(name).as_json(), manifest(f"{name}-tls").as_json()
    assert tls.pop("base") == plain.pop("base").replace("ws://", "wss://")
    assert (plain.pop("version"), tls.pop("version")) == ("1.0.0", "1.0.0-tls")
    assert plain == tls


def test_over_rest_the_writes_take_the_same_arguments_and_carry_the_same_hazards() -> None:
    socket, rest = manifest("entity"), manifest("entity-rest")
    assert dict(socket.intent) == dict(rest.intent)
    for name, effect in socket.effects.items():
        if not effect.is_read:
            other = rest.effects[name]
            assert (effect.arguments(), effect.hazards, effect.settle_s, effect.repeatable, effect.optional) == (
                other.arguments(), other.hazards, other.settle_s, other.repeatable, other.optional,
            )  # fmt: skip
            body: Any = effect.body
            assert other.operation == f"POST /api/services/{body['domain']}/{body['service']}"


def test_every_write_has_its_place_in_the_order(entity_manifest: Manifest) -> None:
    writes = {name for name, effect in entity_manifest.effects.items() if not effect.is_read}
    assert set(ORDER) | {"restore"} == writes and len(set(ORDER)) == len(ORDER)


def test_the_intent_takes_what_some_domain_takes(entity_manifest: Manifest) -> None:
    properties = entity_manifest.intent["properties"]
    fields = {name for names in FIELDS.values() for name in names}
    assert set(properties) == fields | {"entities", "areas", "domain", "wishes"}
    assert set(properties["domain"]["enum"]) == set(FIELDS)
    assert set(properties["state"]["enum"]) == {state for states in STATES.values() for state in states}
    inner = properties["wishes"]["items"]["properties"]
    described = {
        name: {key: value for key, value in properties[name].items() if key != "description"} for name in inner
    }
    assert dict(inner) == described and set(inner) == set(properties) - {"wishes"}


@pytest.mark.parametrize(
    ("effect", "hazards"),
    [
        ("lock_unlock", ("unlock",)), ("cover_open", ("open-cover",)), ("cover_position", ("open-cover",)),
        ("alarm_disarm", ("alarm-disarm",)), ("cover_close", ()), ("lock_lock", ()), ("restore", ()),
    ],
)  # fmt: skip
def test_hazards_of_entities(entity_manifest: Manifest, effect: str, hazards: tuple[str, ...]) -> None:
    assert entity_manifest.effects[effect].hazards == hazards


@pytest.mark.parametrize(
    "domain", ["lock", "cover", "valve", "alarm_control_panel", "climate", "media_player", "script"]
)
def test_restore_takes_nothing_that_lets_in(entity_manifest: Manifest, domain: str) -> None:
    entities = {f"{domain}.one": {"state": "on"}}
    with pytest.raises(FabricError, match="IF_ERR_EFFECT_ARGUMENT"):
        check_call(entity_manifest, "restore", {"entities": entities}, write=True)


@pytest.mark.parametrize("entity_id", ["lock.front_door", "all", "light.a, lock.b", "light.", "group.all_locks"])
def test_an_effect_takes_entities_of_its_domain_alone(entity_manifest: Manifest, entity_id: str) -> None:
    with pytest.raises(FabricError, match="IF_ERR_EFFECT_ARGUMENT"):
        check_call(entity_manifest, "light_on", {"entity_id": [entity_id]}, write=True)


@pytest.mark.parametrize(
    ("domain", "service", "only"),
    [
        ("lock", "unlock", "unlock"), ("lock", "open", "unlock"), ("lock", "lock", "lock"),
        ("cover", "open_cover", "open_cover"), ("cover", "toggle", "open_cover"),
        ("cover", "set_cover_position", "open_cover"), ("cover", "close_cover", "close_cover"),
        ("valve", "open_valve", "open_valve"), ("valve", "close_valve", "close_valve"),
        ("alarm_control_panel", "alarm_disarm", "alarm_disarm"),
        ("alarm_control_panel", "alarm_trigger", "alarm_trigger"),
        ("alarm_control_panel", "alarm_arm_away", "alarm_arm"), ("scene", "turn_on", "scene"),
        ("script", "goodnight", "script"), ("automation", "trigger", "automation"),
        ("homeassistant", "restart", "restart"), ("scene", "apply", None), ("scene", "create", None),
        ("homeassistant", "turn_on", None), ("homeassistant", "toggle", None), ("lock", "future_service", None),
        ("cover", "future_service", None), ("alarm_control_panel", "future_service", None),
    ],
)  # fmt: skip
def test_a_dangerous_service_goes_by_its_own_effect_alone(
    service_manifest: Manifest, domain: str, service: str, only: str | None
) -> None:
    taken = []
    for name, effect in service_manifest.effects.items():
        if effect.is_read:
            continue
        try:
            check_call(service_manifest, name, {"domain": domain, "service": service}, write=True)
        except FabricError:
            continue
        taken.append(name)
    assert taken == ([only] if only else [])


def test_what_nobody_classified_carries_a_hazard(service_manifest: Manifest) -> None:
    check_call(service_manifest, "other", {"domain": "nuki", "service": "lock_n_go"}, write=True)
    assert service_manifest.effects["other"].hazards == ("unclassified-service",)
    with pytest.raises(FabricError, match="IF_ERR_EFFECT_ARGUMENT"):
        check_call(service_manifest, "call", {"domain": "nuki", "service": "lock_n_go"}, write=True)


def test_every_act_is_destructive_and_names_a_hazard(service_manifest: Manifest) -> None:
    for effect in service_manifest.effects.values():
        assert effect.is_read or (effect.destructive and effect.hazards)


def test_an_error_of_a_service_that_may_have_begun_is_never_definite(service_manifest: Manifest) -> None:
    def codes(patterns: Any) -> set[str]:
        return {pattern["error"]["code"] for pattern in patterns}

    before = {"not_found", "unknown_command"}
    assert codes(service_manifest.connection["definite"]) == before | {"unauthorized", "invalid_format"}
    for name in ("scene", "script", "automation", "restart", "other"):  # these call other services
        assert codes(service_manifest.effects[name].reply["definite"]) == before
