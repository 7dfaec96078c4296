"""Written numbers as they may be said, in English: `1455` is "fourteen fifty five", too. Pure."""

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LONGEST_VALUE = 12
"""Digits of a number that anybody says as one."""


def readings(digits: str) -> tuple[str, ...]:
    """How a run of ASCII digits may be said: digit by digit, by its value, in pairs; each once."""
    found = [" ".join(_SMALL[int(digit)] for digit in digits)]
    if len(digits) <= _LONGEST_VALUE and not (digits[0] == "0" and len(digits) > 1):
        found.append(" ".join(_value(int(digits))))
    if len(digits) in {3, 4}:
        found.append(" ".join(_pairs(digits)))
    return tuple(dict.fromkeys(found))


def ordinal(digits: str) -> str:
    """`21` of "21st" as it is said: "twenty first"."""
    *words, last = _value(int(digits[:_LONGEST_VALUE]))
    said = _ORDINALS.get(last) or (last.removesuffix("y") + "ieth" if last.endswith("y") else last + "th")
    return " ".join([*words, said])


def _value(number: int) -> list[str]:
    if number < 20:
        return [_SMALL[number]]
    if number < 100:
        tens, unit = divmod(number, 10)
        return [_TENS[tens], *([_SMALL[unit]] if unit else [])]
    for size, name in _SCALES:
        if number >= size:
            count, rest = divmod(number, size)
            return [*_value(count), name, *(_value(rest) if rest else [])]
    raise AssertionError(number)


def _pairs(digits: str) -> list[str]:
    """`1455` as "fourteen fifty five", `905` as "nine oh five", `1900` as "nineteen hundred"."""
    first, second = digits[:-2], digits[-2:]
    if second == "00":
        return [*_value(int(first)), "hundred"]
    if second[0] == "0":
        return [*_value(int(first)), "oh", _SMALL[int(second)]]
    return [*_value(int(first)), *_value(int(second))]
