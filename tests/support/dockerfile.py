"""The Dockerfile, instruction by instruction."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    name: str
    words: str
    """What follows the name, continued lines joined."""

    def command(self) -> list[str]:
        """The exec form of a command."""
        return list(map(str, json.loads(self.words[self.words.index("[") :])))


def instructions() -> list[Instruction]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [Instruction(*line.split(" ", 1)) for line in lines if line.strip()]


def of(name: str) -> list[Instruction]:
    return [each for each in instructions() if each.name == name]
