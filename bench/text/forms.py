"""Two texts that say the same in other forms: `$2.5M` and `$2.5 million`, `9:00 AM` and `9 am`."""

import re

from text_to_num import alpha2digit

_NAMES = "january february march april may june july august september october november december"
MONTHS = _NAMES.split()
SCALES = {"million": 10**6, "billion": 10**9, "thousand": 10**3, "m": 10**6, "b": 10**9, "k": 10**3}
SHORT = {
    "milligrams": "mg",
    "micrograms": "mcg",
    "milliliters": "ml",
    "avenue": "ave",
    "street": "st",
    "ext": "extension",
}
UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def canonical(text: str) -> str:
    """The text with case, punctuation, groups of digits, ordinals, scales and units made equal."""
    text = text.lower().strip()
    text = re.sub(r"(\$[\d.,]+)\s*([mbk])\b", _scaled, text)
    text = re.sub(r"([\d.,]*\d) (million|billion|thousand)\b", _scaled, text)
    text = re.sub(r"(\d+)¢", lambda match: f"$0.{int(match[1]):02d}", text)
    text = re.sub(r"(?<=\d),(?=\d\d\d)", "", text)
    text = re.sub(r"\b0(\d:\d\d)", r"\1", text)
    text = re.sub(r"(\d):00\b|\s*o'clock\b", lambda match: match[1] or "", text)
    text = re.sub(r"\b([ap])\.?\s?m\b\.?", r"\1m", re.sub(r"(\d)\s*([ap]\.?m)\b", r"\1 \2", text))
    text = re.sub(r"(\d)(?:st|nd|rd|th)\b", r"\1", text)
    text = re.sub(r"(\$\d+)\.00\b", r"\1", text)
    text = re.sub(r"\b(" + "|".join(SHORT) + r")\b\.?", lambda match: SHORT[match[1]], text)
    text = re.sub(r"\b(" + "|".join(UNITS) + r")\b", lambda match: str(UNITS.index(match[1])), text)
    text = re.sub(r"[()!?;'\"–]|[.,:](?=\s|$)|(?<=\d)-(?=\d)|(?<=\d)\s+(?=\d)", "", text)
    text = re.sub(r"(?<=\d)\s+(?=\d)", "", text)
    return " ".join(text.split())


def _scaled(match: re.Match[str]) -> str:
    sign, digits = ("$", match[1][1:]) if match[1].startswith("$") else ("", match[1])
    try:
        value = float(digits.replace(",", "")) * SCALES[match[2]]
    except ValueError:
        return match[0]
    return f"{sign}{int(value) if value == int(value) else value}"


def digits(text: str) -> str:
    """All digits of a text in order; dates as month, day, year, and numbers in words as digits."""
    text = text.lower().replace("at noon", "at 12:00")
    months = "|".join(MONTHS)
    text = re.sub(rf"({months}) (\d+)(?:st|nd|rd|th)?,? (\d{{4}})", _american, text)
    text = re.sub(
        rf"(\d+) ({months}) (\d{{4}})", lambda m: f"{MONTHS.index(m[2]) + 1:02d}/{int(m[1]):02d}/{m[3]}", text
    )
    text = re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\2/\3/\1", text)
    text = re.sub(r"\b(1[3-9]|2\d|3[01])/(\d\d)/(\d{4})", r"\2/\1/\3", text)
    words = alpha2digit(canonical(text), "en", threshold=0)
    return re.sub(r"[^0-9]", "", words)


def _american(match: re.Match[str]) -> str:
    return f"{MONTHS.index(match[1]) + 1:02d}/{int(match[2]):02d}/{match[3]}"
