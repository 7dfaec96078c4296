"""What a number may be, by its digits, by what stands before it, and by what parts it: hidden or not."""

import pytest

from ringback.features.entities import find_entities
from ringback.features.finish import finish
from ringback.features.redaction import number_open_from
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, Transcript, Word
from support.said import spoken

RULES = [
    ("between one hundred and two hundred people", "numbers", "between [REDACTED] and [REDACTED] people"),
    ("no one knows, oh well, o my", "aggressive_numbers", "no one knows, oh well, o my"),
    ("no one knows one of two", "aggressive_numbers", "no one knows one of [REDACTED]"),
    ("It was in 2019. Three of us came", "numbers", "It was in [DATE_1]. Three of us came"),
    ("my card is 4539. 1488. 0343. 6467.", "pci", "my card is [CREDIT_CARD_1]."),
    ("4. 5. 3. 9. 1. 4. 8. 8. 0. 3. 4. 3.", "pci", "[CREDIT_CARD_1]."),
    ("4? 5! 3? 9! 1? 4! 8? 8! 0? 3! 4? 3!", "pci", "[CREDIT_CARD_1]!"),
    ("617 uh um 555 4987", "phone_number", "[PHONE_NUMBER_1]"),
    ("617 and 555 4987", "phone_number", "[PHONE_NUMBER_1]"),
    ("617 and so okay 555 4987", "phone_number", "617 and so okay [PHONE_NUMBER_1]"),
    ("12345 and 555 4987", "phone_number", "12345 and [PHONE_NUMBER_1]"),
    ("617? 555 4987", "phone_number", "[PHONE_NUMBER_1]"),
    ("my card is 4111 1111 1111 111? 1", "pci", "my card is [CREDIT_CARD_1]? 1"),
    ("my card is 4111 1111 1111 111! 1", "pci", "my card is [CREDIT_CARD_1]! 1"),
    ("my card is 4111 1111 1111 11. 11", "pci", "my card is [CREDIT_CARD_1]"),
    ("dob March 10, 1985", "dob", "dob [DOB_1]"),
    ("the medical record is 12345", "numbers", "the medical record is [HEALTHCARE_NUMBER_1]"),
    ("the access code is 1234", "numbers", "the access code is [PASSWORD_1]"),
    ("s s n 1234", "ssn", "s s n [SSN_1]"),
    ("1234567890", "phone_number", "[PHONE_NUMBER_1]"),
    ("he is 5 full years old", "age", "he is 5 full years old"),
    ("my zip and pin are 12345", "numbers", "my zip and pin are [PASSWORD_1]"),
    ("pin or card 12", "numbers", "pin or card 12"),
    ("turned 30", "age", "turned [AGE_1]"),
    ("30 and he turned", "age", "30 and he turned"),
    ("555 4987 and 617", "phone_number", "[PHONE_NUMBER_1]"),
    ("61 and 555 4987", "phone_number", "61 and [PHONE_NUMBER_1]"),
    ("two hundred and 555 4987", "phone_number", "two hundred and [PHONE_NUMBER_1]"),
    ("ten or twelve dollars", "money", "[MONEY_1] or [MONEY_2]"),
    ("617 please 555 4987", "phone_number", "617 please [PHONE_NUMBER_1]"),
    ("GB29 NWBK 6016 1331 9268 19 is mine", "bank_account", "[BANK_ACCOUNT_1] is mine"),
    ("pay GB29NWBK60161331926819, now", "bank_account", "pay [BANK_ACCOUNT_1], now"),
    ("pay GB29 NWBK 601613", "bank_account", "pay [BANK_ACCOUNT_1]"),
    ("pay GB29 NWBK 60161", "bank_account", "pay GB29 NWBK 60161"),
    ("he is 5 weeks old today", "age", "he is [AGE_1] weeks old today"),
    ("he is 5 years of age", "age", "he is [AGE_1] years of age"),
    ("she is turning 30", "age", "she is turning [AGE_1]"),
    ("30 turned up", "age", "30 turned up"),
    ("it is 1000 years old", "age", "it is 1000 years old"),
    ("it is 100 years old", "age", "it is [AGE_1] years old"),
    ("45 y/o male", "age", "[AGE_1] y/o male"),
    ("45 years later, old", "age", "45 years later, old"),
    ("born on 3 10 85", "dob", "born on [DOB_1]"),
    ("March 10, 1985", "dob", "March 10, 1985"),
    ("the card expires March 2026", "pci", "the card expires [CREDIT_CARD_EXPIRATION_1]"),
    ("1,200,000 people", "numerical_pii", "1,200,000 people"),
    ("two hundred thousand people", "numerical_pii", "two hundred thousand people"),
    ("two hundred thousand people", "numbers", "[REDACTED] people"),
    ("123456 people", "numerical_pii", "[NUMERICAL_PII_1] people"),
    ("12345 people", "numerical_pii", "12345 people"),
    ("the 123456th visitor", "numerical_pii", "the 123456th visitor"),
    ("call at four zero one", "numbers", "call at [TIME_1]"),
    ("at 5:30 on 3/10/2022", "numbers", "at [TIME_1] on [DATE_1]"),
    ("at 5:30 on 3/10/2022", "date", "at 5:30 on [DATE_1]"),
    ("social 12345", "ssn", "social 12345"),
    ("social 1234", "ssn", "social [SSN_1]"),
    ("my card 1234567", "pci", "my card 1234567"),
    ("my card 12345678", "pci", "my card [CREDIT_CARD_1]"),
    ("123456789012", "pci", "[CREDIT_CARD_1]"),
    ("12345678901", "pci", "12345678901"),
    ("123456789", "ssn", "[SSN_1]"),
    ("12345678", "ssn", "12345678"),
    ("12345678", "phone_number", "12345678"),
    ("12345678901", "phone_number", "[PHONE_NUMBER_1]"),
    ("cvv 1", "pci", "cvv 1"),
    ("cvv 12", "pci", "cvv [CVV_1]"),
    ("cvv 12345", "pci", "cvv 12345"),
    ("I owe $1,200 and 5% of it", "money", "I owe [MONEY_1] and 5% of it"),
    ("my zip is 02139", "location_zip", "my zip is [LOCATION_ZIP_1]"),
    ("passport A1234567", "passport_number", "passport [PASSPORT_NUMBER_1]"),
    ("license D123 4567", "driver_license", "license [DRIVER_LICENSE_1]"),
    ("license plate ABC 123", "vehicle_id", "license plate [VEHICLE_ID_1]"),
    ("medicare 1EG4 TE5 MK73", "healthcare_number", "medicare [HEALTHCARE_NUMBER_1]"),
    (
        "latitude 42.36 and longitude 71.06",
        "location_coordinate",
        "latitude [LOCATION_COORDINATE_1] and longitude [LOCATION_COORDINATE_2]",
    ),
    ("routing 021000021", "routing_number", "routing [ROUTING_NUMBER_1]"),
    ("account 12", "account_number", "account 12"),
    ("account 1234", "account_number", "account [ACCOUNT_NUMBER_1]"),
    ("pin 12", "pin", "pin 12"),
    ("pin 123", "pin", "pin [PASSWORD_1]"),
    ("write to a@b.com or visit acme.com", "url", "write to a@b.com or visit [URL_1]"),
    ("write to a@b.com or visit acme.com", "email_address", "write to [EMAIL_ADDRESS_1] or visit acme.com"),
    ("two hundred at gmail dot com", "pii", "[EMAIL_ADDRESS_1]"),
    ("I live at twelve hundred 42nd street", "location_address", "I live at [LOCATION_ADDRESS_1]"),
    ("the ip is 192.168.1.1", "ip_address", "the ip is [IP_ADDRESS_1]"),
    ("card four five three nine dash one four eight eight", "pci", "card [CREDIT_CARD_1]"),
    ("1 2", "numbers", "1 2"),
    ("1 2 3", "numbers", "[REDACTED]"),
    ("it was the 123rd", "numbers", "it was the [REDACTED]"),
    ("met on 2020-01-02 and 2020-01-03", "date", "met on [DATE_1] and [DATE_2]"),
    ("forty fifty dollars", "money", "[MONEY_1] [MONEY_2]"),
    ("between forty and fifty dollars", "money", "between [MONEY_1] and [MONEY_2]"),
    ("$40-50 or $60", "money", "[MONEY_1] or [MONEY_2]"),
    ("nine to five p m", "time", "[TIME_1] to [TIME_2]"),
    ("June 3rd or 4th", "date", "[DATE_1] or [DATE_2]"),
    ("thirty to forty years old", "age", "[AGE_1] to [AGE_2] years old"),
    ("five and seven years old", "age", "[AGE_1] and [AGE_2] years old"),
    ("five seven and nine years old", "age", "[AGE_1] [AGE_2] and [AGE_3] years old"),
    ("five people and seven years old", "age", "five people and [AGE_1] years old"),
    ("30-40 years old", "age", "[AGE_1] years old"),
    ("1130-40 years old", "age", "1130-40 years old"),
    ("turned thirty or thirty one", "age", "turned [AGE_1] or [AGE_2]"),
    ("turned thirty or forty people", "age", "turned [AGE_1] or forty people"),
    ("a six-year-old boy", "age", "a [AGE_1] boy"),
    ("two 11-month-olds", "age", "two [AGE_1]"),
    ("a many-year-old song", "age", "a many-year-old song"),
    ("call 617 555 4987 okay 123456", "phone_number", "call [PHONE_NUMBER_1] okay 123456"),
]


@pytest.mark.parametrize(("said", "redact", "written"), RULES)
def test_what_is_hidden(said: str, redact: str, written: str) -> None:
    words = tuple(Word(word, i * 0.5, i * 0.5 + 0.4, 0.9) for i, word in enumerate(said.split()))
    transcript = Transcript(60.0, (Channel(Alternative(words)),))
    out = finish(transcript, ListenOptions(punctuate=True, redact=(redact,)))
    assert out.transcript.channels[0].alternative.text == written


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("call 617 555", 1),
        ("call 617 555 okay so", 1),
        ("call 617 and then 555 and", 4),
        ("call 617 555 now", 4),
        ("call me okay", 3),
        ("617", 0),
        ("on 3/10/2022", 1),
        ("at 5:30", 1),
        ("in march", 2),
    ],
)
def test_a_number_is_open_where_the_words_end_in_it(said: str, first: int) -> None:
    words = spoken(said)
    assert number_open_from(words, find_entities(words)) == first
