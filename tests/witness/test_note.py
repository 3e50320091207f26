from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrafabric.kernel.errors import Code, FabricError
from infrafabric.keys.signing import SigningKey
from infrafabric.witness.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from infrafabric.witness.merkle import EMPTY_ROOT, leaf_hash
from infrafabric.witness.note import COSIGNATURE_V1, Verifier, b64decode, b64encode, key_id, open_note, sign_note
from infrafabric.witness.signer import KeySigner

KEY = KeySigner(SigningKey.from_seed(b"s" * 32))
OTHER = KeySigner(SigningKey.from_seed(b"o" * 32))
NAME = "example.com/log"
MINE = Verifier(NAME, KEY.public)

# The example of c2sp.org/signed-note.
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n"
    "\n"
    "\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1).map(lambda text: text + "\n")


def refused(code: Code, note: str | bytes, *verifiers: Verifier) -> None:
    with pytest.raises(FabricError) as caught:
        open_note(note, verifiers)
    assert caught.value.code is code


def test_the_specification_example_verifies() -> None:
    verifier = Verifier.parse(SPEC_VKEY)
    assert open_note(SPEC_NOTE, [verifier]).text == "This is an example message.\n"
    assert str(verifier) == SPEC_VKEY


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
    ],
)
def test_published_vkeys_parse(vkey: str) -> None:
    assert str(Verifier.parse(vkey)) == vkey


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "example.com/foo",
        SPEC_VKEY.replace("530d903a", "530d903b"),
        SPEC_VKEY.replace("example.com/foo", "example.com/bar"),
        SPEC_VKEY.replace("example.com/foo", "example.com foo"),
        SPEC_VKEY[:-4],
        f"x+00000000+{base64.b64encode(bytes([2]) + bytes(32)).decode()}",
        f"x+{key_id('x', 1, bytes(32)).hex()}+{base64.b64encode(bytes([1]) + bytes(32)).decode()}",
    ],
    ids=["empty", "one part", "wrong id", "other name", "space", "short", "unknown type", "low order"],
)
def test_bad_vkeys_are_refused(vkey: str) -> None:
    with pytest.raises(FabricError) as caught:
        Verifier.parse(vkey)
    assert caught.value.code is Code.VKEY_INVALID


@given(texts)
def test_what_is_signed_opens(text: str) -> None:
    assert open_note(sign_note(text, NAME, KEY), [MINE]).text == text


@given(texts, st.data())
def test_a_changed_character_is_refused(text: str, data: st.DataObject) -> None:
    note = sign_note(text, NAME, KEY)
    at = data.draw(st.integers(0, len(text) - 2))
    changed = note[:at] + ("a" if note[at] != "a" else "b") + note[at + 1 :]
    refused(Code.NOTE_INVALID, changed, MINE)


def test_unknown_keys_are_ignored_and_failing_known_keys_are_not() -> None:
    note = sign_note("text\n", NAME, KEY)
    stranger = sign_note("text\n", NAME, OTHER).rpartition("\n\n")[2]
    assert open_note(note + stranger, [MINE]).verified == (MINE,)
    refused(Code.NOTE_INVALID, note, Verifier(NAME, OTHER.public))
    forged = f"\u2014 {NAME} {b64encode(MINE.id + bytes(64))}\n"
    refused(Code.NOTE_INVALID, note + forged, MINE)
    refused(Code.NOTE_INVALID, "text\n\n" + stranger + forged, MINE, Verifier(NAME, OTHER.public))


def test_a_key_of_the_same_id_and_another_name_is_unknown() -> None:
    refused(Code.NOTE_INVALID, sign_note("text\n", NAME, KEY), Verifier("example.com/other", KEY.public))


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\nno signature\n",
        "text\n\n\u2014 name\n",
        "text\n\n\u2014 name !!!!\n",
        "text\n\n\u2014 name AAAA\n",
        "text\r\n\n\u2014 name AAAAAAAA\n",
        "text\n\n" + "\u2014 name AAAAAAAA\n" * 101,
        "x" * (1 << 20) + "\n\n\u2014 name AAAAAAAA\n",
        b"\xff\n\n",
        "\ud800\n\n\u2014 name AAAAAAAA\n",
    ],
)
def test_malformed_notes_are_refused(note: str | bytes) -> None:
    refused(Code.NOTE_INVALID, note, MINE)


def test_a_text_may_hold_empty_lines() -> None:
    assert open_note(sign_note("a\n\nb\n", NAME, KEY), [MINE]).text == "a\n\nb\n"


def test_a_cosignature_is_verified_and_counted() -> None:
    checkpoint = Checkpoint(NAME, 1, leaf_hash(b"x"))
    signed = sign_checkpoint(checkpoint, KEY)
    cosigner = Verifier("witness.example", OTHER.public, COSIGNATURE_V1)
    message = f"cosignature/v1\ntime 1679315147\n{checkpoint}".encode()
    blob = cosigner.id + (1679315147).to_bytes(8, "big") + OTHER.sign(message)
    line = f"\u2014 witness.example {b64encode(blob)}\n"
    opened = open_checkpoint(signed.note + line, [MINE, Verifier.parse(str(cosigner))])
    assert opened.cosigners == (cosigner,)
    late = cosigner.id + (1679315148).to_bytes(8, "big") + blob[12:]
    refused(Code.NOTE_INVALID, signed.note + f"\u2014 witness.example {b64encode(late)}\n", MINE, cosigner)


def test_a_checkpoint_that_only_a_cosigner_signed_is_refused() -> None:
    text = str(Checkpoint(NAME, 1, leaf_hash(b"x")))
    with pytest.raises(FabricError) as caught:
        open_checkpoint(sign_note(text, "other.example", OTHER), [MINE, Verifier("other.example", OTHER.public)])
    assert caught.value.code is Code.NOTE_INVALID


ROOT = b64encode(leaf_hash(b"x"))


@pytest.mark.parametrize(
    "text",
    [
        f"{NAME}\n1\n",
        f"\n1\n{ROOT}\n",
        f"{NAME}\n01\n{ROOT}\n",
        f"{NAME}\n-1\n{ROOT}\n",
        f"{NAME}\n+1\n{ROOT}\n",
        f"{NAME}\n\u0661\n{ROOT}\n",
        f"{NAME}\n99999999999999999999\n{ROOT}\n",
        f"{NAME}\n9223372036854775808\n{ROOT}\n",
        f"{NAME}\n1\n{ROOT[:-1]}\n",
        f"{NAME}\n1\n{ROOT[:-4]}\n",
        f"{NAME}\n1\n{ROOT}",
        f"{NAME}\n1\n{ROOT}\n\nextension\n",
        f"{NAME}\n0\n{ROOT}\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(FabricError) as caught:
        Checkpoint.parse(text)
    assert caught.value.code is Code.NOTE_INVALID


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_checkpoints_parse_back(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(NAME, size, root)
    assert Checkpoint.parse(str(checkpoint)) == checkpoint
    assert Checkpoint.parse(f"{checkpoint}extension\n") == checkpoint


def test_the_empty_tree_has_a_checkpoint() -> None:
    assert Checkpoint.parse(f"{NAME}\n0\n{b64encode(EMPTY_ROOT)}\n").size == 0


@given(st.binary(max_size=80))
def test_base64_has_one_spelling(data: bytes) -> None:
    text = b64encode(data)
    assert text == base64.b64encode(data).decode()
    assert b64decode(text) == data
    for other in (text.rstrip("="), text + "=", text + "\n", " " + text):
        if other != text:
            with pytest.raises(ValueError):  # noqa: PT011 - binascii's own and ours
                b64decode(other)
