"""Deepgram's entity types: the groups of `redact`, which type covers which, and what finds each. Pure.

https://developers.deepgram.com/docs/supported-entity-types, https://developers.deepgram.com/docs/redaction
"""

from collections.abc import Sequence
from dataclasses import dataclass


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PCI = "credit_card credit_card_expiration cvv"
_PHI = "condition drug injury blood_type medical_process statistics"
_NUMBERS = (
    "account_number age bank_account credit_card credit_card_expiration cvv date date_interval dob "
    "healthcare_number ip_address location location_address location_coordinate location_zip money "
    "numerical_pii passport_number password phone_number routing_number ssn statistics time vehicle_id"
)
_PII = (
    "account_number age date date_interval dob email_address event filename gender_sexuality "
    "healthcare_number ip_address language location location_address location_city location_coordinate "
    "location_country location_state location_zip marital_status money name name_given name_family "
    "name_medical_professional numerical_pii occupation organization origin passport_number password "
    "phone_number physical_attribute political_affiliation religion ssn time url username vehicle_id "
    "zodiac_sign"
)

GROUPS = {
    "pci": frozenset(_PCI.split()),
    "phi": frozenset(_PHI.split()),
    "numbers": frozenset(_NUMBERS.split()),
    "aggressive_numbers": frozenset(_NUMBERS.split()),
    "pii": frozenset(_PII.split()),
    "pin": frozenset({"password"}),
    "expiration": frozenset({"credit_card_expiration"}),
}

ALL = frozenset[str]().union(*GROUPS.values()) | {"cardinal", "driver_license", "ordinal", "percent"}
"""Every type."""

NUMERIC = frozenset(_NUMBERS.split()) - {"location", "location_address", "statistics"} | {"driver_license"}
"""Types made of digits, which the rules of `redaction` find."""

BY_RULE = NUMERIC | {"email_address", "url"}
"""Types that are found without a model."""

BY_NAMES_MODEL = _words("name name_given name_family location location_address location_city location_state")
"""Types that the optional model of names and places finds."""

_PARENTS = {
    "name_given": "name",
    "name_family": "name",
    "name_medical_professional": "name",
    "location_address": "location",
    "location_city": "location",
    "location_coordinate": "location",
    "location_country": "location",
    "location_state": "location",
    "location_zip": "location",
    "dob": "date",
    "date_interval": "date",
    "bank_account": "account_number",
}


@dataclass(frozen=True, slots=True)
class RedactionTypes:
    """What `redact` asks to hide."""

    types: frozenset[str] = frozenset()
    runs: bool = False
    """Any three or more digits in a row, whatever they are."""
    numerals: bool = False
    """Every numeral."""

    def __bool__(self) -> bool:
        return bool(self.types)

    @property
    def numeric(self) -> bool:
        """Whether some digits are to be hidden."""
        return self.runs or bool(self.types & NUMERIC)

    @property
    def named(self) -> bool:
        """Whether the model of names has something to find."""
        return bool(self.types & BY_NAMES_MODEL)

    def covers(self, kind: str) -> bool:
        """Whether something of this type is to be hidden: also as a part or a special case of a requested
        type."""
        if kind in self.types or _PARENTS.get(kind) in self.types:
            return True
        # A whole name holds a given and a family name, a date of birth is asked for by "dob" alone.
        return kind == "name" and bool(self.types & {"name_given", "name_family"})


def redaction_types(redact: Sequence[str]) -> RedactionTypes:
    """What the values of `redact` ask for; each is a group or a type."""
    types = frozenset[str]().union(*(GROUPS.get(value, frozenset({value})) for value in redact))
    return RedactionTypes(
        types,
        runs=bool({"numbers", "aggressive_numbers"} & set(redact)),
        numerals="aggressive_numbers" in redact,
    )


def undetected(value: str, *, names: bool) -> tuple[str, ...]:
    """The types of a value of `redact` that nothing here finds, in order; `names`: the names model is
    there."""
    found = BY_RULE | BY_NAMES_MODEL if names else BY_RULE
    return tuple(sorted(GROUPS.get(value, frozenset({value})) - found))
