"""Amounts, percentages and measures: said, written, and what is found in them."""

import pytest

from support.said import found_in, written_from

WRITTEN = [
    ("15 per cent", "15%", "percent:15"),
    ("15 % of it", "15% of it", "percent:15"),
    ("two point five dollars", "$2.50", "money:25"),
    ("two point fifty dollars", "$2.50", "money:250"),
    ("2.5 dollars", "$2.5", "money:25"),
    ("12.75 dollars", "$12.75", "money:1275"),
    ("2.50 dollars and 20 cents", "$2.50 and $0.20", "money:250 money:20"),
    ("two point five dollars and ten cents", "$2.50 and $0.10", "money:25 money:10"),
    ("five dollars and five cents", "$5.05", "money:55"),
    ("minus 5 dollars", "-$5", "money:5"),
    ("minus 2.5 dollars", "-$2.5", "money:25"),
    ("12345 dollars", "$12,345", "money:12345"),
    ("1,200 dollars", "$1,200", "money:1200"),
    ("9999 dollars", "$9999", "money:9999"),
    ("10000 dollars", "$10,000", "money:10000"),
    ("10,000 dollars", "$10,000", "money:10000"),
    ("minus 12345 dollars", "-$12,345", "money:12345"),
    ("five pounds and fifty pence", "£5.50", "money:550"),
    ("minus ten cents", "-$0.10", "money:10"),
    ("zero cents", "$0.00", "money:0"),
    ("five dollars and zero cents", "$5.00", "money:5"),
    ("five dollars minus fifty cents", "$5 -$0.50", "money:5 money:50"),
    ("one hundred dollars and one hundred cents", "$100 and 100 cents", "money:100 cardinal:100"),
    ("five dollars and ninety nine cents", "$5.99", "money:599"),
    ("five dollars ten", "$5.10", "money:510"),
    ("five dollars nine", "$5 nine", "money:5 cardinal:9"),
    ("five dollars eleven", "$5.11", "money:511"),
    ("five dollars fifty please", "$5.50 please", "money:550"),
    ("five dollars and two point five cents", "$5 and 2.5 cents", "money:5 cardinal:25"),
    ("-$5 and 20 cents", "-$5.20", "money:520"),
    ("$5.20 and 10 cents", "$5.20 and $0.10", "money:520 money:10"),
    ("$5k and 10 cents", "$5k and $0.10", "money:5 money:10"),
    ("$5 and 1 cent", "$5.01", "money:51"),
    ("$5 and 5 cents", "$5.05", "money:55"),
    ("$2,500 dollars", "$2,500", "money:2500"),
    ("$2.5 million dollars", "$2.5 million", "money:25"),
    ("the charge you see on it is twelve fifty", "the charge you see on it is 1250", "date:1250"),
    ("the charge you see here is twelve fifty", "the charge you see here is $12.50", "money:1250"),
    ("the total is twelve fifty ninety", "the total is $1,250.90", "money:125090"),
    ("the total is five twelve fifty", "the total is $512.50", "money:51250"),
    ("the total is five oh five", "the total is $5.05", "money:505"),
    ("the total is ten twelve percent", "the total is 10 12%", "cardinal:10 percent:12"),
    ("the total is ten twelve point five", "the total is 10 12.5", "cardinal:10 cardinal:125"),
    ("the total is ten twelve pm", "the total is 10:12 PM", "time:1012"),
    ("the total is ten twelve o'clock", "the total is 10 12:00", "cardinal:10 time:12"),
    ("the total is ten twelve hyphen three", "the total is 1012-3", "digits:10123"),
    ("the total is ten twelve dash three", "the total is 1012-3", "digits:10123"),
    ("the total is ten twelve miles", "the total is 10 12 miles", "cardinal:10 cardinal:12"),
    ("the total is ten twelve thousand", "the total is 10 12,000", "cardinal:10 cardinal:12000"),
    ("the total is ten twelve third", "the total is 10 12 third", "cardinal:10 cardinal:12 ordinal:3"),
    ("the total is ten twelve 5", "the total is 10 12 5", "cardinal:10 cardinal:12 cardinal:5"),
    ("the total is twelve fifty one thousand", "the total is 12 51,000", "cardinal:12 cardinal:51000"),
    ("one oh oh dollars", "$100", "money:100"),
    ("one oh oh oh dollars", "$1,000", "money:1000"),
    (
        "one two three four five six seven eight nine oh one two dollars",
        "$123,456,789,012",
        "money:123456789012",
    ),
    ("one oh oh, dollars", "100, dollars", "digits:100"),
    ("a dollar fifty", "$1.50", "money:150"),
    ("a pound fifty", "£1.50", "money:150"),
    ("a pound, fifty", "a pound, 50", "cardinal:50"),
    ("a euro and twenty cents", "€1.20", "money:120"),
    ("a dollar, fifty", "a dollar, 50", "cardinal:50"),
    ("a dollar and five cents", "$1.05", "money:105"),
    ("five k dollars", "$5K", "money:5"),
    ("five k, dollars", "5K, dollars", "cardinal:5"),
    ("sixty k a year", "60K a year", "cardinal:60"),
    ("sixty k i think", "60K i think", "cardinal:60"),
    ("sixty k ten", "60 k 10", "cardinal:60 cardinal:10"),
    ("sixty k, ten", "60K, 10", "cardinal:60 cardinal:10"),
    ("sixty k people", "60K people", "cardinal:60"),
    ("five K pounds", "£5K", "money:5"),
    ("five milligrams", "5 mg", "cardinal:5"),
    ("ten milligrams of it", "10 mg of it", "cardinal:10"),
    ("ten miles", "10 miles", "cardinal:10"),
    ("ten, miles", "10, miles", "cardinal:10"),
]
"""Said, written with `smart_format`, and each entity's kind and digits."""

STAY = [
    ("1.5 million percent", "cardinal:15"),
    ("half a million dollars", "money:"),
    ("a quarter of a million dollars", "money:"),
    ("we paid two pounds per person", "cardinal:2"),
    ("we paid for five pounds of butter", "cardinal:5"),
    ("half of a million dollars", "money:"),
    ("-$5.20", "money:520"),
    ('we paid "$5" today', "money:5"),
    ("we paid ($5.50), yes", "money:550"),
    ("a dollar five", "cardinal:5"),
    ("five grams", "cardinal:5"),
]
"""Written as they are said; and their entities."""


@pytest.mark.parametrize(("said", "written", "found"), WRITTEN)
def test_it_is_written_as_it_is_meant(said: str, written: str, found: str) -> None:
    assert written_from(said) == written
    assert found_in(said) == found


@pytest.mark.parametrize(("said", "found"), STAY)
def test_it_stays_as_it_is_said(said: str, found: str) -> None:
    assert written_from(said) == said
    assert found_in(said) == found
