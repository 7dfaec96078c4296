"""URLs that lead, or try to lead, to where the server must not go. `{port}` is where a listener waits."""

NAMES = {
    "loopback.example": ["127.0.0.1"],
    "loopback6.example": ["::1"],
    "private.example": ["10.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "metadata.example": ["169.254.169.254"],
    "half-good.example": ["93.184.216.34", "127.0.0.1"],
    "half-good6.example": ["2606:4700:4700::1111", "fd00::1"],
    "linklocal.example": ["fe80::1"],
    "unspecified.example": ["0.0.0.0"],
    "metadata.google.internal": ["169.254.169.254"],
    "xn--bcher-kva.example": ["127.0.0.1"],
    "example.com": [],
    "nowhere.example": [],
}
"""What the look-up of these names answers in tests."""

ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.9.9.9 169.254.0.1 169.254.169.254 172.16.0.1 192.0.0.8
192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255
100.100.100.200 168.63.129.16 [::] [::1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:0:127.0.0.1]
[64:ff9b::7f00:1] [64:ff9b:1::1] [2001:0:7f00:1::f5ff:fffe] [2001:db8::1] [2002:7f00:1::1] [3fff::1] [5f00::1]
[fc00::1] [fd00:ec2::254] [fe80::1] [fe80::1%25lo] [fec0::1] [ff02::1] [::5efe:7f00:1] [2600:1::5efe:7f00:1]
127.1 127.0.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 127.0.0.1. ①②⑦.⓪.⓪.① 127。0。0。1
%31%32%37.0.0.1 127.0.0.1%00.example.com bücher.example LOOPBACK.EXAMPLE loopback.example.
""".split()  # noqa: SIM905 - a list of this length reads better as words

URLS = [
    *(f"http://{host}:{{port}}/" for host in [*ADDRESSES, *NAMES]),
    *(f"https://{host}:{{port}}/" for host in ["127.0.0.1", "[::1]", "loopback.example"]),
    "http://user:pass@127.0.0.1:{port}/",
    "http://user:pass@loopback.example:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://example.com\\@127.0.0.1:{port}/",
    "http://example.com#@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://a@127.0.0.1:{port}@example.com/",
    "http:///127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1:{port}",
    "HTTP://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "unix:/run/secret.sock",
]

REDIRECTS = [
    "http://10.0.0.1/",
    "http://[::1]/",
    "//169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/",
    "http://private.example/",
    "http://half-good6.example/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://a\\@10.0.0.1/",
    "file:///etc/passwd",
    "",
]
"""Where hosts of audio redirect to."""
