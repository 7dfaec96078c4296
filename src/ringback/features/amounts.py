"""Money, percentages and measures: a number and what it counts. Pure, English."""

from dataclasses import replace

from ringback.features.identifiers import is_counted
from ringback.features.measures import measure_symbol
from ringback.features.numbers import SINGLE_DIGITS, AtomKind
from ringback.features.passage import Passage
from ringback.features.readings import Number
from ringback.features.spans import Entity, Part
from ringback.features.vocabulary import words

CURRENCIES = {
    **dict.fromkeys(("dollar", "dollars", "usd", "bucks"), "$"),
    **dict.fromkeys(("euro", "euros"), "€"),
    **dict.fromkeys(("pound", "pounds", "quid"), "£"),
    "yen": "¥",
    **dict.fromkeys(("rupee", "rupees"), "₹"),
}
CENTS = ("cent", "cents", "pence")
_NAMING = ("number", "id", "code", "reference")
"""Behind these a number is a name, also in “invoice number”."""
_SYMBOLS = "$€£¥₹"
_LONGEST_AMOUNT = 12
MONEY_CUES = words(
    "total totals totaled totalled subtotal balance charge charged charges price priced cost costs bill "
    "billed amount fee fees invoice invoiced paid pay pays owe owed owes due refund refunded payment "
    "quoted quote rent rents mortgage worth deposit spent spend sells sold"
)
_STERLING_CUES = MONEY_CUES | words("sterling british pence it's tip fare ticket buy bought sell")
_WEIGHT_CUES = words("weigh weighs weighed weight lost lose gained gain heavy lift lifted")


def find_percent(passage: Passage, number: Number) -> Entity | None:
    """“two point five percent”, “15 per cent”."""
    i = number.end
    if number.ordinal or not passage.follows(i):
        return None
    if passage.text(i) in ("percent", "%"):
        end = i + 1
    elif passage.texts(i, i + 2) == ["per", "cent"]:
        end = i + 2
    else:
        return None
    if number.scale:
        return None
    return passage.single("percent", number.digits, number.first, end, f"{number.text()}%")


def find_money(passage: Passage, number: Number) -> Entity | None:
    """“forty seven dollars and fifty cents”, “2.5 million dollars”, “$12 and 50 cents”, “99 cents”."""
    i = number.end
    if number.ordinal or not passage.follows(i):
        return None
    text = passage.text(i)
    if text in ("cent", "cents") and not number.scale:
        return _cents_alone(passage, number)
    symbol = CURRENCIES.get(text)
    if symbol is None or (symbol == "£" and not _is_sterling(passage, number)):
        return None
    if _is_part_of(passage, number):
        return passage.single("money", "", number.first, i + 1, None)
    if number.scale:
        return _millions(passage, number, symbol)
    cents = None if number.fraction else _read_cents(passage, i + 1)
    if cents is None:
        fraction = (
            number.fraction.ljust(2, "0") if number.fraction and not number.written else number.fraction
        )
        amount = _amount(number, symbol, fraction)
        return passage.single("money", number.digits, number.first, i + 1, amount)
    fraction, end = cents
    digits = number.digits + fraction.lstrip("0")
    return passage.single("money", digits, number.first, end, _amount(number, symbol, fraction))


def _is_part_of(passage: Passage, number: Number) -> bool:
    """“half a million”, “a quarter of a million”: not the number itself."""
    i = number.first
    if passage.text(i - 1) == "of":
        i -= 1
    return passage.text(i - 1) in ("half", "quarter", "third") and passage.text(number.first) == "a"


def _amount(number: Number, symbol: str, fraction: str) -> str:
    as_written = number.written and number.whole < 10_000
    whole = number.written.partition(".")[0] if as_written else f"{number.whole:,}"
    return f"{'-' if number.negative else ''}{symbol}{whole}{'.' + fraction if fraction else ''}"


def _is_sterling(passage: Passage, number: Number) -> bool:
    if passage.text(number.end) == "quid":
        return True
    if passage.cue(number.first, _WEIGHT_CUES) or passage.text(number.end + 1) in ("of", "per"):
        return False
    return passage.cue(number.first, _STERLING_CUES) or _read_cents(passage, number.end + 1) is not None


def _cents_alone(passage: Passage, number: Number) -> Entity | None:
    if number.fraction or number.whole > 99:
        return None
    text = f"{'-' if number.negative else ''}$0.{number.whole:02d}"
    return passage.single("money", number.digits, number.first, number.end + 1, text)


def _millions(passage: Passage, number: Number, symbol: str) -> Entity | None:
    scale = number.end - 1
    if not passage.is_whole(number.first, scale):
        return None
    sign, digits = ("-", number.text()[1:]) if number.negative else ("", number.text())
    return passage.entity(
        "money",
        number.digits,
        passage.part(number.first, scale, f"{sign}{symbol}{digits}"),
        passage.part(scale, number.end + 1, number.scale),
    )


def _read_cents(passage: Passage, i: int) -> tuple[str, int] | None:
    """Two digits behind the currency: “and fifty cents”, “twenty cents”, “fifty” at the end of the phrase."""
    if not passage.follows(i):
        return None
    start = i + 1 if passage.text(i) == "and" and passage.follows(i + 1) else i
    number = passage.number_at(start)
    if number is None or number.ordinal or number.negative or number.fraction or number.whole >= 100:
        return None
    if number.scale:
        return None
    if passage.text(number.end) in CENTS and passage.follows(number.end):
        return f"{number.whole:02d}", number.end + 1
    alone = start == i and number.whole >= 10 and _phrase_ends(passage, number.end)
    return (f"{number.whole:02d}", number.end) if alone else None


def _phrase_ends(passage: Passage, i: int) -> bool:
    return not passage.follows(i) or passage.text(i) in _PHRASE_ENDS


_PHRASE_ENDS = words("a per each for and plus or in on at with today tomorrow please now right")


def find_written_money(passage: Passage, i: int) -> Entity | None:
    """`$12`, `$12 and 50 cents`, `$2.5 million`, `$3 billion dollars`: what the model wrote with its sign."""
    text = passage.text(i)
    amount = text.lstrip("-").lstrip(_SYMBOLS).rstrip("kmb")
    digits = "".join(character for character in text if character.isdigit())
    if not digits or not amount.replace(",", "").replace(".", "", 1).isdigit():
        return None
    sign = next(character for character in text if character in _SYMBOLS)
    original = passage.original(i)
    end = i + 1
    if passage.kind(end) is AtomKind.SCALE and passage.follows(end):
        extra = passage.follows(end + 1) and CURRENCIES.get(passage.text(end + 1)) == sign
        scale = passage.part(end, end + 2 if extra else end + 1, passage.text(end))
        return passage.entity("money", digits, passage.part(i, end, original), scale)
    if passage.follows(end) and CURRENCIES.get(passage.text(end)) == sign:
        end += 1
    cents = _read_cents(passage, end) if "." not in text and text[-1].isdigit() else None
    if cents is not None and passage.text(cents[1] - 1) in CENTS:
        return passage.single("money", digits + cents[0].lstrip("0"), i, cents[1], f"{original}.{cents[0]}")
    return passage.single("money", digits, i, end, original)


def is_written_money(text: str) -> bool:
    return text.lstrip("-")[:1] in tuple(_SYMBOLS) and any(character.isdigit() for character in text)


def find_money_by_ear(passage: Passage, i: int) -> Entity | None:
    """“three forty two ninety nine” as $342.99: only behind a word for an amount, within five words, or with
    its currency behind it."""
    cued = passage.cue(i, MONEY_CUES, 5) and passage.previous(i) not in _NAMING
    if not cued and passage.said.isdisjoint(_PLURALS):
        return None
    pairs, end = _pairs(passage, i)
    if not 2 <= len(pairs) <= 3 or not passage.is_whole(i, end):
        return None
    written = any(passage.kind(at) is AtomKind.DIGITS for at in range(i, end))
    if _is_moment(passage, i):
        return None
    if passage.follows(end) and passage.text(end) in CURRENCIES:
        is_amount = cued if written else not _is_rough_range(pairs)
        return _by_ear_in_currency(passage, i, end, pairs, cued=cued) if is_amount else None
    if not cued or written or not _amount_ends(passage, end):
        return None
    if len(pairs) == 2 and passage.cue(i, _WHOLE_CUES, 5):
        return passage.single("money", "".join(pairs), i, end, "".join(pairs))
    whole = int("".join(pairs[:-1]))
    return passage.single("money", "".join(pairs), i, end, f"${whole:,}.{pairs[-1]}")


_WHOLE_CUES = words("rent rents mortgage deposit")
"""What is never a matter of cents: “rent is fourteen fifty” is 1450, of a currency that was not said."""
_YEARS_AFTER = ("in", "since")
_DUE_AT = ("at", "by", "on", "before")


def _is_moment(passage: Passage, i: int) -> bool:
    """Whether a year or a time is said: “the price in nineteen ninety”, “payment is due at ten thirty”."""
    previous = passage.previous(i)
    return previous in _YEARS_AFTER or (previous in _DUE_AT and passage.cue(i, ("due",), 3))


_PLURALS = frozenset(CURRENCIES) - {"dollar", "euro", "pound", "rupee"}
"""“Twelve fifty dollar bills” are twelve of them."""


def _by_ear_in_currency(passage: Passage, i: int, end: int, pairs: list[str], *, cued: bool) -> Entity | None:
    """“The price is twelve fifty dollars” as $12.50, elsewhere as $1,250; “three forty two ninety nine
    dollars”. “Three fifty dollars” are hundreds anywhere: `quantities.find_round_by_ear`."""
    if passage.text(end) not in _PLURALS or (len(pairs) == 2 and len(pairs[0]) == 1):
        return None
    whole = Number(i, end, int("".join(pairs)))
    if (symbol := CURRENCIES[passage.text(end)]) == "£" and not _is_sterling(passage, whole):
        return None
    cents = _read_cents(passage, end + 1)
    if cents is not None and len(pairs) == 2:
        digits = whole.digits + cents[0].lstrip("0")
        return passage.single("money", digits, i, cents[1], _amount(whole, symbol, cents[0]))
    if not cued and len(pairs) == 2:
        return passage.single("money", whole.digits, i, end + 1, _amount(whole, symbol, ""))
    split = Number(i, end, int("".join(pairs[:-1])))
    return passage.single("money", "".join(pairs), i, end + 1, _amount(split, symbol, pairs[-1]))


def _is_rough_range(pairs: list[str]) -> bool:
    """“Forty fifty dollars”, “ten twelve dollars an hour”: from one to the other, not $40.50."""
    return len(pairs) == 2 and 0 < int(pairs[1]) - int(pairs[0]) <= 10


def find_money_in_digits(passage: Passage, i: int) -> Entity | None:
    """“one oh oh oh oh dollars” as $10,000."""
    digits, end = "", i
    while len(digits) < _LONGEST_AMOUNT and (end == i or passage.follows(end)):
        if passage.kind(end) not in SINGLE_DIGITS:
            break
        digits, end = digits + passage.atoms[end].digits, end + 1
    symbol = CURRENCIES.get(passage.text(end)) if len(digits) >= 3 and passage.follows(end) else None
    if symbol is None or digits.startswith("0"):
        return None
    return passage.single("money", digits, i, end + 1, f"{symbol}{int(digits):,}")


def find_dollar_and_cents(passage: Passage, i: int) -> Entity | None:
    """“a dollar fifty” as $1.50."""
    if passage.text(i) != "a" or passage.text(i + 1) not in ("dollar", "pound", "euro"):
        return None
    symbol = CURRENCIES[passage.text(i + 1)]
    cents = _read_cents(passage, i + 2) if passage.follows(i + 1) else None
    if cents is None:
        return None
    return passage.single("money", "1" + cents[0], i, cents[1], f"{symbol}1.{cents[0]}")


def _amount_ends(passage: Passage, end: int) -> bool:
    """Whether nothing behind it shows that the number counts something else."""
    return not (
        passage.follows(end)
        and (
            passage.kind(end) in (AtomKind.SCALE, AtomKind.HUNDRED, AtomKind.ORDINAL, AtomKind.DIGITS)
            or passage.text(end) in ("dash", "hyphen", "slash")
            or (is_counted(passage, end) and (passage.text(end) != "per" or passage.text(end + 1) == "cent"))
        )
    )


_MOST_PAIRS = 4
"""One more than an amount may have: what goes on is no amount, however long it is."""


def _pairs(passage: Passage, i: int) -> tuple[list[str], int]:
    """Up to four groups as they are spoken: a unit first, then two digits each: “oh five”, “seventy two”;
    12 50."""
    pairs: list[str] = []
    end = i
    while len(pairs) < _MOST_PAIRS and (end == i or passage.follows(end)):
        kind = passage.kind(end)
        if (
            kind is AtomKind.OH
            and pairs
            and passage.kind(end + 1) is AtomKind.UNIT
            and passage.follows(end + 1)
        ):
            pairs.append("0" + passage.atoms[end + 1].digits)
            end += 2
        elif kind in (AtomKind.TEEN, AtomKind.TENS) or (kind is AtomKind.UNIT and not pairs):
            said = passage.digits_at(end)
            if said is None or len(said[0]) > 2:
                break
            pairs.append(said[0])
            end = said[1]
        elif kind is AtomKind.DIGITS and len(passage.text(end)) in ((2,) if pairs else (1, 2)):
            pairs.append(passage.text(end))
            end += 1
        else:
            break
    return pairs, end


def find_thousands(passage: Passage, number: Number) -> Entity | None:
    """“sixty k a year” as 60K, “five k dollars” as $5K."""
    k = number.end
    if number.ordinal or number.scale or passage.text(k) != "k" or not passage.follows(k):
        return None
    symbol = CURRENCIES.get(passage.text(k + 1), "") if passage.follows(k + 1) else ""
    goes_on = passage.follows(k + 1) and passage.kind(k + 1) is not AtomKind.OTHER
    if goes_on and passage.text(k + 1) not in ("a", "i"):
        return None
    kind, end = ("money", k + 2) if symbol else ("cardinal", k + 1)
    return passage.single(kind, number.digits, number.first, end, f"{symbol}{number.text()}K")


def find_measure(passage: Passage, number: Number) -> Entity | None:
    """“twenty five degrees celsius”: `smart_format` writes the number, `measurements` the symbol, too."""
    if number.ordinal or number.scale or not passage.follows(number.end):
        return None
    unit = measure_symbol(passage, number.end)
    if unit is None or not passage.is_whole(number.first, number.end):
        return None
    symbol, end = unit
    amount = passage.part(number.first, number.end, number.text())
    named = passage.part(number.end, end, symbol)
    measured = (amount, named)
    if symbol in _DOSES:
        smart: tuple[Part, ...] = measured
    elif number.is_small:
        smart = ()
    else:
        smart = (amount, replace(named, text=None))
    return Entity(amount.first, named.end, "cardinal", number.digits, smart, measured=measured)


_DOSES = ("mg", "mcg")
"""Doses are written with their symbol in any case, as Deepgram's own output mostly has them."""
