"""Values as they are said in English, made without any of the code that reads them."""

BELOW_TWENTY = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ((10**9, "billion"), (10**6, "million"), (10**3, "thousand"))
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def said_in_words(value: int, joint: str = " ", hyphen: str = " ") -> str:
    """`joint` stands behind a hundred, `hyphen` between tens and units. Below a billion billions."""
    for scale, name in SCALES:
        if value >= scale:
            rest = f" {said_in_words(value % scale, joint, hyphen)}" if value % scale else ""
            return f"{said_in_words(value // scale, joint, hyphen)} {name}{rest}"
    if value >= 100:
        rest = said_in_words(value % 100, joint, hyphen) if value % 100 else ""
        return f"{BELOW_TWENTY[value // 100]} hundred{joint if rest else ''}{rest}"
    if value < 20:
        return BELOW_TWENTY[value]
    unit = f"{hyphen}{BELOW_TWENTY[value % 10]}" if value % 10 else ""
    return f"{TENS[value // 10]}{unit}"


def said_as_ordinal(value: int, joint: str = " ") -> str:
    *before, last = said_in_words(value, joint).split()
    ordinal = ORDINALS.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return " ".join([*before, ordinal])


def written_ordinal(value: int) -> str:
    teen = value % 100 in (11, 12, 13)
    return f"{value:,}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(value % 10, 'th')}"


def said_as_year(year: int) -> str:
    """From 1100 to 2099, as most say it."""
    century, rest = divmod(year, 100)
    if year % 1000 < 10 and century == 20:
        return said_in_words(year)
    if not rest:
        return f"{said_in_words(century)} hundred"
    return f"{said_in_words(century)} {said_two_digits(rest)}"


def said_two_digits(value: int) -> str:
    """01 is “oh one”."""
    return f"oh {BELOW_TWENTY[value]}" if value < 10 else said_in_words(value)
