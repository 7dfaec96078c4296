"""A user's URL: what is read from it, and what is refused in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from ringback.egress.policy import Policy
from ringback.egress.target import BadUrl, TargetError, parse_target, read_target

DEEPGRAM_PORTS = Policy(ports=[80, 443, 8080, 8443])


@pytest.mark.parametrize(
    ("url", "sent", "displayed", "login"),
    [
        ("http://example.com", "http://example.com/", "http://example.com:80", None),
        ("HTTPS://EXAMPLE.com:8443/A?b#c", "https://example.com:8443/A?b", "https://example.com:8443", None),
        ("http://h/%2fa/../b?x=%41&y=a%20b+c", "http://h/%2fa/../b?x=%41&y=a%20b+c", "http://h:80", None),
        ("http://user:pass@h/x", "http://h/x", "http://h:80", ("user", "pass")),
        ("http://us%40er:p%3A%2F@h/x", "http://h/x", "http://h:80", ("us@er", "p:/")),
        ("http://u:a:b@h/", "http://h/", "http://h:80", ("u", "a:b")),
        ("http://user@h/", "http://h/", "http://h:80", ("user", "")),
        ("http://:word@h/", "http://h/", "http://h:80", ("", "word")),
        ("http://[::1]:8080/", "http://[::1]:8080/", "http://[::1]:8080", None),
        ("http://bü.example/ü", "http://xn--b-eha.example/%C3%BC", "http://xn--b-eha.example:80", None),
        ("http://①②⑦.⓪.⓪.①/", "http://127.0.0.1/", "http://127.0.0.1:80", None),
        ("http://a_b.example/", "http://a_b.example/", "http://a_b.example:80", None),
        ("http://h/a@b?c@d", "http://h/a@b?c@d", "http://h:80", None),
    ],
)  # fmt: skip
def test_what_is_read(url: str, sent: str, displayed: str, login: tuple[str, str] | None) -> None:
    target = parse_target(url, DEEPGRAM_PORTS, ports=True)
    assert str(target.url) == sent
    assert target.origin == displayed
    assert target.credentials == login


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", BadUrl.NO_SCHEME),
        ("example.com/callback", BadUrl.NO_SCHEME),
        ("//example.com/", BadUrl.NO_SCHEME),
        ("/path", BadUrl.NO_SCHEME),
        ("http:example.com", BadUrl.NO_SCHEME),
        ("ftp://example.com/", BadUrl.SCHEME),
        ("ws://example.com/", BadUrl.SCHEME),
        ("file:///etc/passwd", BadUrl.SCHEME),
        ("gopher://h/", BadUrl.SCHEME),
        ("http:///x", BadUrl.HOST),
        ("http://", BadUrl.HOST),
        ("http://?x", BadUrl.HOST),
        ("http://:80/", BadUrl.HOST),
        ("http://user@/", BadUrl.HOST),
        ("http://[::1", BadUrl.HOST),
        ("http://[fe80::1%25eth0]/", BadUrl.HOST),
        ("http://[fe80::1%eth0]/", BadUrl.HOST),
        ("http://127.0.0.1%00.example.com/", BadUrl.HOST),
        ("http://ex%61mple.com/", BadUrl.HOST),
        ("http://%31%32%37.0.0.1/", BadUrl.HOST),
        ("http://127.1/", BadUrl.HOST),
        ("http://2130706433/", BadUrl.HOST),
        ("http://0x7f.1/", BadUrl.HOST),
        ("http://0x7f000001/", BadUrl.HOST),
        ("http://0177.0.0.1/", BadUrl.HOST),
        ("http://127.0.0.1./", BadUrl.HOST),
        ("http://1.2.3.4.5/", BadUrl.HOST),
        ("http://256.0.0.1/", BadUrl.HOST),
        ("http://..../", BadUrl.HOST),
        ("http://a..b/", BadUrl.HOST),
        ("http://" + "a" * 64 + ".example/", BadUrl.HOST),
        ("http://a,b/", BadUrl.HOST),
        ("http://h:0/", BadUrl.PORT),
        ("http://h:65536/", BadUrl.PORT),
        ("http://h:x/", BadUrl.PORT),
        ("http://h:22/", BadUrl.PORT),
        ("http://a@b@h/", BadUrl.CREDENTIALS),
        ("http://u:p@x@h/", BadUrl.CREDENTIALS),
        ("http://u%3Av:p@h/", BadUrl.CREDENTIALS),
        ("http://u:p%0d%0aX: y@h/".replace(" ", ""), BadUrl.CREDENTIALS),
        ("http://u:p%7f@h/", BadUrl.CREDENTIALS),
        ("http://good\\@evil/", BadUrl.CHARACTERS),
        ("http://h/a b", BadUrl.CHARACTERS),
        ("http://h/\r\nX: y", BadUrl.CHARACTERS),
        ("http://h/\x00", BadUrl.CHARACTERS),
        ("http://h/\u2028", BadUrl.CHARACTERS),
        (" http://h/", BadUrl.CHARACTERS),
        ("http://h /", BadUrl.CHARACTERS),
        ("http://h/" + "a" * 8_000, BadUrl.TOO_LONG),
    ],
)
def test_what_is_refused(url: str, reason: BadUrl) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(url, DEEPGRAM_PORTS, ports=True)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("example.com/callback", "begin it with https:// or http://"),
        ("ftp://example.com/", "the scheme must be http or https"),
        ("http:///x", "it names no host"),
        ("http://[::1", "its host cannot be read"),
        ("http://h:x/", "its port cannot be read"),
        ("http://h:0/", "port 0 cannot be called"),
        ("http://h:22/", "port 22 is not one of 80, 443, 8080, 8443"),
        ("http://ex%61mple.com/", "its host must not hold a zone id or percent-encoding"),
        ("http://127.1/", "an address must be written in its plain form, such as 192.0.2.1"),
        ("http://a..b/", "its host is not a valid name"),
        ("http://a@b@h/", "an @ in user or password must be written %40"),
        ("http://u%3Av@h/", "a user name cannot hold a colon, nor credentials a control character"),
        (
            "http://h/a b",
            "no backslash, white space or control character may stand in it: percent-encode them",
        ),
        ("http://h/" + "a" * 8_000, "it must not be longer than 8000 characters, percent-encoded"),
    ],
)
def test_a_refusal_says_what_to_do(url: str, hint: str) -> None:
    with pytest.raises(TargetError) as caught:
        parse_target(url, DEEPGRAM_PORTS, ports=True)
    assert str(caught.value) == hint


def test_the_longest_url_may_be_called() -> None:
    url = "http://h/" + "a" * (8_000 - len("http://h/"))
    assert str(read_target(url).url) == url


def test_a_refusal_repeats_no_secret() -> None:
    for url in ["http://user:hush@h:99999/", "http://user:hush@[::1/hush", "http://h:22/?hush"]:
        with pytest.raises(TargetError) as caught:
            parse_target(url, DEEPGRAM_PORTS, ports=True)
        assert "hush" not in str(caught.value)


def test_ports_bind_callbacks_only() -> None:
    with pytest.raises(TargetError, match="port 9000 is not one of 80, 443, 8080, 8443"):
        parse_target("http://h:9000/", DEEPGRAM_PORTS, ports=True)
    assert parse_target("http://h:9000/", DEEPGRAM_PORTS, ports=False).port == 9000
    assert parse_target("http://h:9000/", Policy(ports=[]), ports=True).port == 9000
    with pytest.raises(TargetError, match="port 9000 is not one of 443"):
        parse_target("http://h:9000/", Policy(ports=[443]), ports=True)


def test_other_schemes_when_asked() -> None:
    target = read_target("wss://h/x", schemes={"ws", "wss"})
    assert target.origin == "wss://h:443"
    assert parse_target("ws://h/x", DEEPGRAM_PORTS, ports=True, schemes={"ws", "wss"}).origin == "ws://h:80"


@given(
    user=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(
        lambda text: ":" not in text
    ),
    word=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
)
def test_the_stored_form_reads_the_same(user: str, word: str) -> None:
    url = str(URL("http://h.example:8080/a%2Fb?c=%41").with_user(user).with_password(word))
    target = read_target(url)
    assert target.credentials == (user, word)
    assert read_target(target.reveal_url()) == target


@given(
    scheme=st.sampled_from(["http", "HTTPS"]),
    login=st.sampled_from(["", "u@", "u:@", ":p@", "@", ":@"])
    | st.from_regex(r"([a-z!$%ü:+]|%[0-9A-Fa-f]{2}){0,9}@", fullmatch=True),
    host=st.sampled_from(
        ["h", "h.", "H.example:80", "h:443", "h:8080", "h:", "bü.example", "[::1]", "10.0.0.1"]
    ),
    path=st.text(st.sampled_from("ab/.?#&=+;:@%2fF5c[]{}|^`'\"<>~ü٪→"), max_size=20),
)
def test_whatever_is_accepted_can_be_read_again(scheme: str, login: str, host: str, path: str) -> None:
    for after in ("/", "?", "#", ""):
        try:
            target = read_target(f"{scheme}://{login}{host}{after}{path if after else ''}")
        except TargetError:
            continue
        assert read_target(target.reveal_url()) == target


@given(letter=st.sampled_from("aü→%"), length=st.integers(7_900, 8_000), where=st.sampled_from("/?@"))
def test_the_length_that_counts_is_that_of_the_stored_form(letter: str, length: int, where: str) -> None:
    for repeated in (letter * length, letter * (length // 6), letter * (length // 9)):
        url = f"http://u:{repeated}@h" if where == "@" else f"http://u@h{where}{repeated}"
        try:
            target = read_target(url)
        except TargetError:
            continue
        assert len(target.reveal_url()) <= 8_000
        assert read_target(target.reveal_url()) == target


def test_a_url_that_grows_too_long_when_it_is_encoded_is_refused() -> None:
    with pytest.raises(TargetError) as caught:
        read_target("http://h.example/" + "ü" * 4_000)
    assert caught.value.reason is BadUrl.TOO_LONG


def test_the_shown_form_holds_no_secret() -> None:
    target = read_target("https://user:hush@h.example/hush?hush=1")
    assert "hush" not in target.origin


def test_credentials_of_another_target() -> None:
    bare, other = read_target("https://a.example/hook"), read_target("https://user:word@b.example/")
    assert bare.with_credentials_of(other).reveal_url() == "https://user:word@a.example/hook"
    assert other.with_credentials_of(bare).reveal_url() == "https://b.example/"
