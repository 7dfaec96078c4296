"""Addresses: what is public, what hides inside, and what an operator may allow."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.egress.policy import Policy
from ringback.errors import Misconfigured

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "64:ff9b:1:7f00:0:100::",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::f5ff:fffe",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "::5efe:7f00:1",
    "2600:1::5efe:7f00:1",
    "2600:1::200:5efe:a00:1",
    "2600:1::5efe:a9fe:a9fe",
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.9.9.9",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "2620:fe::fe",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2600:1::5efe:808:808",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_refused_by_default(address: str) -> None:
    refused = Policy().refusal(ip_address(address), address)
    assert refused is not None
    assert "RINGBACK_CALLBACK_ALLOW" in str(refused)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert Policy().refusal(ip_address(address), address) is None


@given(st.ip_addresses(v=4, network="0.0.0.0/0"))
def test_a_mapped_address_is_judged_as_the_one_within(address: object) -> None:
    policy = Policy()
    mapped = ip_address(f"::ffff:{address}")
    refused = policy.refusal(ip_address(str(address)), str(address)) is not None
    assert (policy.refusal(mapped, str(mapped)) is not None) == refused


def test_a_refusal_names_rule_and_setting() -> None:
    assert str(Policy().refusal(ip_address("127.0.0.1"), "127.0.0.1")) == (
        "127.0.0.1 is a loopback address, which this server does not call; "
        "its operator can allow it with RINGBACK_CALLBACK_ALLOW"
    )


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("4000::1", "not a public address"),
        ("169.254.169.254", "a cloud metadata service (allowed only when named exactly)"),
        ("::ffff:10.0.0.1", "a private address"),
    ],
)
def test_a_refusal_names_the_rule(address: str, rule: str) -> None:
    refused = Policy().refusal(ip_address(address), address)
    assert refused is not None
    assert refused.rule == rule


def test_a_refusal_does_not_tell_what_an_inner_name_resolves_to() -> None:
    refused = Policy().refusal(ip_address("10.1.2.3"), "db.internal")
    assert refused is not None
    assert "10.1.2.3" not in str(refused)
    assert "an address of db.internal is a private address" in str(refused)


@pytest.mark.parametrize(
    ("entry", "address", "host"),
    [
        ("10.0.0.0/8", "10.1.2.3", "db.internal"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1"),
        ("::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.200.0.1", "10.200.0.1"),
        ("fd00::/8", "fd12::1", "fd12::1"),
        ("receiver.internal", "10.1.2.3", "receiver.internal"),
        ("Receiver.Internal.", "10.1.2.3", "receiver.internal"),
        ("receiver.internal", "::1", "receiver.internal."),
        ("*.internal", "10.1.2.3", "a.b.internal"),
        ("64:ff9b:1::/48", "64:ff9b:1::808:808", "x.example"),
        ("64:ff9b:1::/48", "64:ff9b:1:808:8:800::", "x.example"),
        ("2001::/32", "2001:0:808:808::f7f7:f7f7", "x.example"),
        ("169.254.169.254", "169.254.169.254", "169.254.169.254"),
        ("169.254.169.254/32", "::ffff:169.254.169.254", "x.example"),
        ("metadata.google.internal", "169.254.169.254", "metadata.google.internal"),
    ],
)
def test_what_the_operator_allows(entry: str, address: str, host: str) -> None:
    assert Policy([entry]).refusal(ip_address(address), host) is None


@pytest.mark.parametrize(
    ("entry", "address", "host"),
    [
        ("10.0.0.0/8", "192.168.0.1", "192.168.0.1"),
        ("receiver.internal", "10.1.2.3", "other.internal"),
        ("receiver.internal", "10.1.2.3", "10.1.2.3"),
        ("*.internal", "10.1.2.3", "internal"),
        ("*.internal", "10.1.2.3", "notinternal"),
        # A wide opening does not reach what hands out credentials …
        ("0.0.0.0/0", "169.254.169.254", "169.254.169.254"),
        ("169.254.0.0/16", "169.254.169.254", "169.254.169.254"),
        ("receiver.internal", "169.254.169.254", "receiver.internal"),
        ("*.internal", "169.254.169.254", "metadata.google.internal"),
        ("::/0", "fd00:ec2::254", "fd00:ec2::254"),
        ("::/0", "64:ff9b::a9fe:a9fe", "64:ff9b::a9fe:a9fe"),
        # … and allowing a way in does not allow what lies behind it.
        ("64:ff9b:1::/48", "64:ff9b:1::7f00:1", "x.example"),
        ("64:ff9b:1::/48", "64:ff9b:1:7f00:0:100::", "x.example"),
        ("64:ff9b:1::/48", "64:ff9b:1:808:8:801::", "x.example"),
        ("2002::/16", "2002:a00:1::1", "2002:a00:1::1"),
        ("::/96", "::127.0.0.1", "x.example"),
        ("::ffff:0:0:0/96", "::ffff:0:127.0.0.1", "x.example"),
        # Teredo holds two: its server's, and its client's with all bits turned.
        ("2001::/32", "2001:0:7f00:1::f7f7:f7f7", "x.example"),
        ("2001::/32", "2001:0:808:808::80ff:fffe", "x.example"),
    ],
)
def test_an_entry_allows_no_more_than_it_says(entry: str, address: str, host: str) -> None:
    assert Policy([entry]).refusal(ip_address(address), host) is not None


@pytest.mark.parametrize("host", ["metadata.google.internal", "metadata.google.internal.", "metadata"])
def test_metadata_names_are_refused_before_they_are_resolved(host: str) -> None:
    refusal = Policy(["*.internal", "0.0.0.0/0"]).host_refusal(host)
    assert refusal is not None
    assert (refusal.subject, refusal.rule) == (
        host,
        "a cloud metadata service (allowed only when named exactly)",
    )
    assert not refusal.resolved
    assert Policy([host]).host_refusal(host) is None


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("10.0.0.1/8", "10.0.0.0/8 may be meant"),
        ("10.0.0.0/33", "beyond the prefix\\? something like 10.0.0.0/8 or fd00::/8 may be meant"),
        ("1.0X1F", "neither a network"),
        ("bad host", "an address .*, ::1. nor a host name .*; separate entries with commas, and leave out"),
        ("http://receiver.internal", "leave out scheme, port and path"),
        ("receiver.internal:8080", "leave out scheme, port and path"),
        ("", "neither a network"),
        ("127.1", "neither a network"),
        ("0x7f.1", "neither a network"),
        ("*", "neither a network"),
        ("a b", "neither a network"),
    ],
)
def test_a_bad_entry_names_the_fix(entry: str, hint: str) -> None:
    with pytest.raises(Misconfigured, match=hint) as caught:
        Policy([entry])
    assert "RINGBACK_CALLBACK_ALLOW" in str(caught.value)


@pytest.mark.parametrize("port", [0, -1, 65_536, 70_000])
def test_a_bad_port_is_a_misconfiguration(port: int) -> None:
    with pytest.raises(Misconfigured, match=f"RINGBACK_CALLBACK_PORTS: {port} is not a port"):
        Policy(ports=[80, port])
    assert Policy(ports=[1, 65_535]).ports == {1, 65_535}


@pytest.mark.parametrize(("host", "resolved"), [("127.0.0.1", False), ("inside.example", True)])
def test_a_refusal_tells_whether_a_name_was_resolved(host: str, resolved: bool) -> None:
    refusal = Policy().refusal(ip_address("127.0.0.1"), host)
    assert refusal is not None
    assert refusal.resolved is resolved


def test_a_host_that_is_an_address_is_judged_as_one() -> None:
    assert Policy().host_refusal("93.184.216.34") is None
    refusal = Policy().host_refusal("127.0.0.1")
    assert refusal is not None
    assert (refusal.subject, refusal.resolved) == ("127.0.0.1", False)


def test_a_host_is_judged_alike_each_time() -> None:
    policy, other = Policy(("10.0.0.0/8",)), Policy()
    for _ in range(2):
        assert policy.host_refusal("10.1.2.3") is None
        assert other.host_refusal("10.1.2.3") is not None
