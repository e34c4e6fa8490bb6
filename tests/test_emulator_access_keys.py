"""A file of access keys is read strictly, says where it is wrong, and gives no secret away."""

from __future__ import annotations

import pytest

from acs_conformance.emulator.access_keys import AccessKeys, load
from acs_conformance.emulator.core import Settings
from acs_conformance.errors import SelectionError, UsageError
from emulator_calls import ACTION, outcome
from gateway_calls import Credentials, gateway, v1_signed, v3_signed

FILE = f"""
# who may call
[[access-key]]
id = "first"
secret = "theFirstSecret"

[[access-key]]
id = "STS.second"
secret = "theSecondSecret"
token = "theToken+/="
deny = ["{ACTION}"]

[[access-key]]
id = "third"
secret = "theThirdSecret"
active = false
"""


def read(tmp_path, text, operations=(ACTION,)):
    path = tmp_path / "keys.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, operations)


def test_file_lists_keys_tokens_denials_and_inactive_ones(tmp_path):
    assert read(tmp_path, FILE) == AccessKeys(
        secrets={"first": "theFirstSecret", "STS.second": "theSecondSecret", "third": "theThirdSecret"},
        tokens={"STS.second": "theToken+/="},
        denied={"first": frozenset(), "STS.second": frozenset({ACTION}), "third": frozenset()},
        inactive=frozenset({"third"}),
    )


@pytest.mark.parametrize("sign", [v3_signed, v1_signed])
def test_keys_of_a_file_are_those_that_may_call(tmp_path, sign):
    play = gateway(keys=read(tmp_path, FILE))

    def ask(key_id, secret, token=None):
        return outcome(
            play.handle(sign(Credentials(access_key_id=key_id, access_key_secret=secret, security_token=token)))
        )

    assert ask("first", "theFirstSecret") == 200
    assert ask("first", "theSecondSecret") == (400, "SignatureDoesNotMatch")
    assert ask("STS.second", "theSecondSecret") == (400, "MissingSecurityToken")
    assert ask("STS.second", "theSecondSecret", "other") == (400, "InvalidSecurityToken.MismatchWithAccessKey")
    assert ask("STS.second", "theSecondSecret", "theToken+/=") == (403, "Forbidden.RAM")
    assert ask("third", "theThirdSecret") == (400, "InvalidAccessKeyId.Inactive")
    assert ask("fourth", "theFirstSecret") == (404, "InvalidAccessKeyId.NotFound")


def key(**members):
    """An entry with these members, as TOML."""
    lines = {"id": '"k"', "secret": '"hushHush"'} | members
    return "[[access-key]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items() if value is not ...)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "keys.toml has no access key. Write each one as a table [[access-key]] with id and secret."),
        ("access-key = []", "has no access key"),
        ("access-key = 1", "keys.toml: access-key is no list of tables. Write each key as a table [[access-key]]."),
        ("[access-key]\nid = 'k'", "access-key is no list of tables"),
        ("access-key = ['hushHush']", "access-key is no list of tables"),
        ("[[access-keys]]", "keys.toml: unknown access-keys. The file has tables [[access-key]] and nothing else."),
        (key() + key(id=...), 'keys.toml: access-key 2: id is missing. Write id = "...".'),
        (key(secret=...), 'access-key 1: secret is missing. Write secret = "...".'),
        (key(id='""'), 'access-key 1: id is not a text that is not empty, "...".'),
        (key(secret="7"), 'access-key 1: secret is not a text that is not empty, "...".'),
        (key(token="true"), 'access-key 1: token is not a text that is not empty, "...".'),
        (
            key(secret='"hush\\nHush"'),
            "access-key 1: secret has a blank, a line break or a character beyond ASCII at position 5 of 9. Remove it.",
        ),
        (
            key(token='"hush é"'),
            "access-key 1: token has a blank, a line break or a character beyond ASCII at position 5",
        ),
        (key(id='"a,b"'), "access-key 1: id contains a comma, which no id does. Remove it."),
        (key() + key(), "access-key 2: the id 'k' is used by an entry above. Give each key once."),
        (key(deny='"x"'), 'access-key 1: deny is not a list of texts, ["..."].'),
        (key(deny="[1]"), 'access-key 1: deny is not a list of texts, ["..."].'),
        (key(active='"yes"'), "access-key 1: active is not true or false."),
        (key(active="1"), "access-key 1: active is not true or false."),
        (key(denied="[]"), "access-key 1: unknown denied. Known: id, secret, token, deny, active."),
        ("[[access-key]]\nsecret = hushHush", "keys.toml is no TOML (at line 2, column 10)."),
        ("[[access-key]]\nsecret = 'hushHush", "keys.toml is no TOML (at"),
        ("[[access-key]]\nhushHush = 1\nhushHush = 2", "keys.toml is no TOML (at"),
        ("x = " + "[" * 100_000, "keys.toml is no TOML"),
        (b"id = '\xff'", "keys.toml is not UTF-8, as TOML is."),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, text, says):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert says in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "hush" not in str(caught.value).lower()


def test_operation_to_deny_must_exist(tmp_path):
    with pytest.raises(SelectionError, match=rf"no operation is called 'StartRtc'. Did you mean {ACTION}"):
        read(tmp_path, key(deny='["StartRtc"]'))


def test_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"can't read the access keys in .*nowhere.toml: No such file or directory\."):
        load(tmp_path / "nowhere.toml", [ACTION])
    with pytest.raises(UsageError, match="Is a directory"):
        load(tmp_path, [ACTION])


def test_no_secret_is_shown(tmp_path):
    keys = read(tmp_path, FILE)
    for shown in (repr(keys), repr(Settings(access_keys=keys))):
        assert "Secret" not in shown
        assert "theToken" not in shown
