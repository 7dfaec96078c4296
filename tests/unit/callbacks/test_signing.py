"""Signatures are those of Standard Webhooks: its own example, its package, and what must not pass."""

import base64
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from ringback.callbacks.signing import (
    TOLERANCE,
    NotAKey,
    Signer,
    Verifier,
    new_private_key,
    new_signing_secret,
    public_key_of,
)

SECRET, OTHER = new_signing_secret(), new_signing_secret()
PRIVATE = new_private_key()
PUBLIC = public_key_of(PRIVATE)
NOW = 1_900_000_000.7
BODY = '{"results": "größer"}'.encode()
HEADERS = Signer([SECRET], [PRIVATE]).headers("w1", NOW, BODY)


def test_the_example_of_the_specification() -> None:
    headers = Signer(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], []).headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_official_package_agrees() -> None:
    now = datetime.datetime.now(datetime.UTC)
    headers = Signer([OTHER, SECRET], [PRIVATE]).headers("w1", now.timestamp(), BODY)
    assert Webhook(SECRET).verify(BODY, headers) == {"results": "größer"}
    assert Webhook(OTHER).verify(BODY, headers) == {"results": "größer"}


def test_one_signature_for_each_key() -> None:
    signatures = Signer([SECRET, OTHER], [PRIVATE]).headers("w1", NOW, BODY)["webhook-signature"].split(" ")
    assert [each.partition(",")[0] for each in signatures] == ["v1", "v1", "v1a"]
    assert len(set(signatures)) == 3


@pytest.mark.parametrize(("secrets", "keys"), [([SECRET], []), ([], [PUBLIC]), ([OTHER, SECRET], [])])
def test_either_key_is_proof_enough(secrets: list[str], keys: list[str]) -> None:
    assert Verifier.of(secrets, keys).fault(HEADERS, BODY, NOW) is None


def test_padding_may_be_left_out() -> None:
    assert Verifier.of([SECRET.rstrip("=")], [PUBLIC.rstrip("=")]).fault(HEADERS, BODY, NOW) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"webhook-id": "w2"}, "no signature fits"),
        ({"webhook-id": ""}, "there is no webhook-id"),
        ({"webhook-timestamp": str(int(NOW) + 1)}, "no signature fits"),
        ({"webhook-timestamp": str(int(NOW - TOLERANCE) - 1)}, "301 s off|302 s off"),
        ({"webhook-timestamp": str(int(NOW + TOLERANCE) + 2)}, "301 s off"),
        ({"webhook-timestamp": "soon"}, "not a number"),
        ({"webhook-timestamp": "9" * 5_000}, "not a number"),
        ({"webhook-signature": ""}, "there is no webhook-signature"),
        ({"webhook-signature": "v1,%%% v1a, v1 ,"}, "no signature fits"),
        ({"webhook-signature": "v2" + HEADERS["webhook-signature"][2:46]}, "no signature fits"),
        ({"webhook-signature": "v1a" + HEADERS["webhook-signature"][2:46]}, "no signature fits"),
    ],
)
def test_what_was_changed_is_not_believed(changed: dict[str, str], said: str) -> None:
    fault = Verifier.of([SECRET], [PUBLIC]).fault(HEADERS | changed, BODY, NOW)
    assert fault is not None
    assert any(each in fault for each in said.split("|"))


@given(st.binary(max_size=50))
def test_no_other_body_passes(body: bytes) -> None:
    verifier = Verifier.of([SECRET], [PUBLIC])
    assert (verifier.fault(HEADERS, body, NOW) is None) == (body == BODY)


def test_no_other_key_passes() -> None:
    other = Verifier.of([OTHER], [public_key_of(new_private_key())])
    assert other.fault(HEADERS, BODY, NOW) == "no signature fits"


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_%", "hush", "whsk_aHVzaA==", base64.b64encode(b"hush" * 8).decode()]
)
def test_what_is_no_secret_is_refused_and_not_repeated(text: str) -> None:
    for make in (lambda: Signer([text], []), lambda: Verifier.of([text], [])):
        with pytest.raises(NotAKey, match="whsec_") as caught:
            make()
        assert "hush" not in str(caught.value)
        assert "aHVza" not in str(caught.value)


def test_a_public_key_of_a_wrong_length_is_refused() -> None:
    with pytest.raises(NotAKey, match="32 bytes"):
        Verifier.of([], ["whpk_" + base64.b64encode(b"short").decode()])
