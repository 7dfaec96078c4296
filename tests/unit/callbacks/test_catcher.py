"""Which URLs are the catcher's, and what it answers."""

import pytest

from ringback.callbacks.catcher import catchers_answer, caught_request, is_catcher, is_catchers
from ringback.egress.target import read_target

CATCHER = "https://catcher.ringback.invalid"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"{CATCHER}/", True),
        (f"{CATCHER}:8443/x?y=1", True),
        ("http://user:secret@CATCHER.ringback.invalid", True),
        ("https://catcher.ringback.invalid.example/", False),
        ("https://x.catcher.ringback.invalid/", False),
        ("https://example/catcher.ringback.invalid", False),
    ],
)
def test_only_its_host_is_the_catcher(url: str, expected: bool) -> None:
    assert is_catcher(read_target(url)) is expected


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/503", 503), ("/410", 410), ("/103", 200), ("/5031", 200), ("/x/503", 200)],
)
def test_it_answers_what_its_path_says(path: str, status: int) -> None:
    assert catchers_answer(read_target(CATCHER + path)).status == status


def test_it_keeps_how_it_was_asked_and_how_much_but_not_what() -> None:
    caught = caught_request("PUT", {"webhook-id": "1"}, b"private words")
    assert (caught.method, caught.headers, caught.bytes) == ("PUT", {"webhook-id": "1"}, 13)


@pytest.mark.parametrize("url", [f"{CATCHER}/503", f"http://{CATCHER[8:].upper()}:8443/", CATCHER])
def test_its_destinations_are_known_by_their_names(url: str) -> None:
    assert is_catchers(read_target(url).origin)


@pytest.mark.parametrize(
    "url", ["https://example.com/", "https://x.catcher.ringback.invalid/", "s3://bucket/x"]
)
def test_other_destinations_are_not_its(url: str) -> None:
    assert not is_catchers(url if url.startswith("s3") else read_target(url).origin)
