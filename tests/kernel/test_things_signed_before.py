from __future__ import annotations

from infrafabric.kernel.words.things import Grant, Talent, Target


def test_a_word_that_says_nothing_new_reads_as_it_was_signed_before_there_were_those_members() -> None:
    """The signature of an operator covers a record's JSON: a member that came later must not appear in old ones."""
    talent = {"id": "if://agent/X", "tenant": "default", "roles": ["viewer"], "confidence_required": False}
    grant = {
        "talent": "if://agent/X", "capability": "if://capability/a.b", "target": "a@one", "tenant": "default",
        "scopes": [],
    }  # fmt: skip
    target = {"name": "a@one", "tenant": "default", "settings": {}, "secrets": {}, "allow_addresses": []}
    assert Talent.model_validate(talent).as_json() == talent
    assert Grant.model_validate(grant).as_json() == grant
    assert Target.model_validate(target).as_json() == target


def test_what_the_later_members_say_is_in_the_json() -> None:
    grant = Grant(
        talent="if://agent/X", capability="if://capability/a.b", target="a@one", only={"required": ["scene"]},
        expires="2027-01-01T00:00:00Z",
    )  # fmt: skip
    assert Grant.model_validate(grant.as_json()) == grant
    assert grant.as_json()["only"] == {"required": ["scene"]}
    assert Talent(id="if://agent/X", groups=("night",), tags=("video",)).as_json()["groups"] == ["night"]
