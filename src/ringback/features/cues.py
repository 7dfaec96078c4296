"""Words that say what the digits behind them are: “account number”, “call me at”, “the visa”. English."""

from ringback.features.passage import Passage
from ringback.features.vocabulary import words

PHONE, CARD, SSN, CVV, EXPIRY = "phone", "credit_card", "ssn", "cvv", "credit_card_expiration"
ROOM, ID, NUMBER = "room", "numerical_pii", "number"


_CUE_WORDS = {
    PHONE: "phone phones call calls called dial dialed cell mobile telephone tel fax reach hotline landline "
    "line text ring callback whatsapp",
    CARD: "card visa mastercard amex discover credit debit",
    SSN: "ssn social itin",
    CVV: "cvv cvc csc cid",
    EXPIRY: "expires expiration expiry exp expiring",
    "routing_number": "routing aba",
    "account_number": "account acct accounts iban",
    "passport_number": "passport",
    "driver_license": "license licence driver's",
    "vehicle_id": "plate plates vin",
    "password": "pin password passcode",
    "location_zip": "zip zipcode postcode postal",
    "healthcare_number": "medicare medicaid nhs mrn",
    ID: "id order ticket confirmation reference ref case code invoice tracking serial booking member policy "
    "loyalty customer claim reservation record part model sku rfq promo coupon badge employee student batch "
    "lot registration permit docket transaction membership shipment package locator identifier key isbn imei "
    "upc ein npi",
    ROOM: "room suite apartment apt flight bus route highway exit gate channel extension ext box page verse "
    "seat section platform interstate studio terminal unit bay locker lane sr freeway precinct ending "
    "boeing airbus",
    NUMBER: "number numbers digits",
}
CUES = {word: kind for kind, names in _CUE_WORDS.items() for word in names.split()}
_PAIRS = {
    ("code", "security"): CVV,
    ("number", "security"): SSN,
    ("code", "zip"): "location_zip",
    ("code", "post"): "location_zip",
    ("code", "postal"): "location_zip",
    ("code", "area"): ROOM,
    ("code", "verification"): ID,
    ("plate", "license"): "vehicle_id",
    ("plate", "licence"): "vehicle_id",
    ("number", "pin"): "password",
    ("number", "flight"): ROOM,
    ("v", "v"): CVV,
    ("n", "s"): SSN,
    ("four", "last"): NUMBER,
    **{(word, form): EXPIRY for word in ("thru", "through", "until", "till") for form in ("valid", "good")},
}
LINKS = words(
    "is are was it's its the a number numbers no code id my your his her our their of in to for at and be "
    "say said as uh um so it here's that's that this you can me us card security plate account on i think "
    "sorry yes yeah okay ok sure hi hello one new date says reads with please under"
)


def cue_before(passage: Passage, i: int) -> tuple[str, int]:
    """What the digits at atom `i` are, by the nearest cue, and how far it is; empty: no cue."""
    before = passage.before(i)
    weak = 0
    for distance, text in enumerate(before, 1):
        earlier = before[distance] if distance < len(before) else ""
        pair = _PAIRS.get((text, earlier))
        if pair is not None:
            return pair, distance
        kind = CUES.get(text)
        if kind == NUMBER:
            weak = weak or distance
        elif kind:
            return kind, distance
    return (NUMBER, weak) if weak else ("", 0)


def is_linked(passage: Passage, i: int, distance: int) -> bool:
    """Whether only words such as “number is” stand between the cue and atom `i`."""
    return all(text in LINKS for text in passage.before(i)[: distance - 1])
