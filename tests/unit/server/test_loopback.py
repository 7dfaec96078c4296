"""Which requests come from a program on this machine, for itself."""

import pytest

from ringback.server.loopback import is_local


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080"])
def test_a_program_here(peer: str, host: str) -> None:
    assert is_local(peer, {"host": host, "user-agent": "curl"})


@pytest.mark.parametrize("peer", [None, "", "10.0.0.1", "192.0.2.1", "2001:db8::1", "0.0.0.0", "::", "unix"])
def test_not_from_elsewhere(peer: str | None) -> None:
    assert not is_local(peer, {"host": "127.0.0.1"})


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip", "via", "origin"])
def test_not_for_somebody_else(name: str) -> None:
    assert not is_local("127.0.0.1", {"host": "127.0.0.1", name: "127.0.0.1"})


@pytest.mark.parametrize(
    "host", ["speech.example.com", "", "localhost.evil.example", "127.0.0.1.evil.test", "[::1"]
)
def test_not_by_a_name_that_points_here(host: str) -> None:
    assert not is_local("127.0.0.1", {"host": host})
