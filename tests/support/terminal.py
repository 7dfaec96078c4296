"""What a person would see on a terminal, of what a program writes to it."""

import re

_TOKENS = re.compile(r"\x1b\[2K|\x1b\[[0-9;]*m|\r|\n|[^\x1b\r\n]+")


def lines_on_a_terminal(written: str) -> list[str]:
    """The lines on the screen: a carriage return goes back, `ESC [2K` wipes the line, styles are not seen."""
    seen, column = [""], 0
    for token in _TOKENS.findall(written):
        if token == "\n":
            seen.append("")
            column = 0
        elif token == "\r":
            column = 0
        elif token == "\x1b[2K":
            seen[-1] = ""
        elif not token.startswith("\x1b"):
            line = seen[-1].ljust(column)
            seen[-1] = line[:column] + token + line[column + len(token) :]
            column += len(token)
    return seen
