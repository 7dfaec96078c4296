"""`python short_grace.py SECONDS …`: the `ringback` command with another grace in its HTTP service's stop."""

import sys


def main() -> None:
    from ringback.server.protocol import HttpServer

    defaults = HttpServer.__init__.__kwdefaults__
    assert defaults is not None
    defaults["grace"] = float(sys.argv[1])
    sys.argv[1:] = sys.argv[2:]

    from ringback.cli import main as ringback

    ringback()


if __name__ == "__main__":
    main()
