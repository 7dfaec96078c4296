"""Words that say what a number is: "card", "social", "expires". Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

from ringback.transcript import Word

REACH = 8
"""Words before a number in which its cue may stand; so many of the other channels' words count, too."""

RECENT = 30.0
"""Seconds after which what another channel said is no cue any more."""

_WORDS = {
    "credit_card": "card cards visa mastercard amex discover debit credit maestro diners",
    "cvv": "cvv cvc cvv2 cv2 ccv cid",
    # “expiration” is also heard as the word after it here
    "credit_card_expiration": "expiry expiration exploration expirations expires expire expiring expired exp",
    "ssn": "social ssn socials",
    "phone_number": "phone telephone cell cellphone mobile call dial text fax landline extension callback "
    "tel reach",
    "account_number": "account acct member membership policy customer order invoice reference confirmation "
    "case ticket claim",
    "bank_account": "checking savings iban bank",
    "routing_number": "routing aba",
    "passport_number": "passport",
    "driver_license": "license licence driver's drivers",
    "healthcare_number": "medicare medicaid mrn nhs",
    "vehicle_id": "vin plate plates",
    "password": "pin password passcode passphrase",
    "dob": "born birthday birthdate dob birth",
    "location_zip": "zip zipcode postal postcode",
    "location_coordinate": "latitude longitude coordinates",
    "age": "aged age",
}
_PHRASES = {
    ("security", "code"): "cvv",
    ("verification", "code"): "cvv",
    ("verification", "value"): "cvv",
    ("valid", "through"): "credit_card_expiration",
    ("valid", "thru"): "credit_card_expiration",
    ("valid", "until"): "credit_card_expiration",
    ("good", "through"): "credit_card_expiration",
    ("good", "thru"): "credit_card_expiration",
    ("v", "v"): "cvv",
    ("social", "security"): "ssn",
    ("s", "n"): "ssn",
    ("tax", "id"): "ssn",
    ("medical", "record"): "healthcare_number",
    ("health", "card"): "healthcare_number",
    ("insurance", "number"): "healthcare_number",
    ("insurance", "id"): "healthcare_number",
    ("vehicle", "identification"): "vehicle_id",
    ("access", "code"): "password",
    ("o", "b"): "dob",
}
_TYPES = {word: kind for kind, words in _WORDS.items() for word in words.split()}


class Cues:
    """The cues for the numbers in one channel's words."""

    def __init__(self, bares: Sequence[str], before: Sequence[str] = (), others: Sequence[Word] = ()) -> None:
        """`bares`: the channel's words, bare; `before`: those that came right before them. `others`: what the
        other channels said, in order of time."""
        self._before = tuple(before)[-REACH:]
        self._all = (*self._before, *bares)
        self._others = others

    @cached_property
    def _other_starts(self) -> list[float]:
        return [word.start for word in self._others]

    def of(self, first: int, start: float) -> tuple[str, ...]:
        """The types that the words before word `first`, which begins at `start`, speak of: the nearest first,
        this channel's before the others'."""
        at = first + len(self._before)
        found = list(_types_in(self._all[max(0, at - REACH) : at]))
        if self._others:
            last = bisect_left(self._other_starts, start)
            near = self._others[max(0, last - REACH) : last]
            found += _types_in([word.bare for word in near if start - word.end <= RECENT])
        return tuple(dict.fromkeys(found))


def _types_in(bares: Sequence[str]) -> Iterator[str]:
    """From the last word to the first."""
    for at in range(len(bares) - 1, -1, -1):
        pair = (bares[at - 1], bares[at]) if at else ("", "")
        if kind := _PHRASES.get(pair) or _TYPES.get(bares[at]):
            yield kind
