"""Pairs of spoken and written text, a table for each kind of entity, and sentences that stay as they are."""

import pytest
from text_to_num import text2num

from ringback.features.entities import find_entities, open_from
from ringback.features.numbers import atoms_of
from ringback.features.readings import read_number
from ringback.features.spans import Context, NumberFormats
from ringback.features.writing import write
from ringback.transcript import Word, joined

SMART = NumberFormats(smart_format=True)

NUMERALS = NumberFormats(numerals=True)
MEASUREMENTS = NumberFormats(measurements=True)


def spoken(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, i * 0.4, i * 0.4 + 0.3, 0.9) for i, word in enumerate(text.split()))


def formatted(text: str, formats: NumberFormats = SMART, language: str = "en") -> str:
    words = spoken(text)
    return joined(write(words, find_entities(words, language), formats).words)


WRITTEN = {
    "cardinals": [
        ("twenty two people came", "22 people came"),
        ("three hundred and sixty five days", "365 days"),
        ("give or take a hundred or so", "give or take 100 or so"),
        ("we sold twelve thousand four hundred", "we sold 12,400"),
        ("the one hundred first customer", "the 101st customer"),
        ("minus forty degrees", "-40 degrees"),
        ("two and a half cups", "2.5 cups"),
        ("between five and ten people", "between 5 and 10 people"),
        ("version one point two point three", "version 1.2.3"),
        ("twenty twenty vision", "20/20 vision"),
        ("twenty four seven support", "24/7 support"),
        ("sixty k a year", "60K a year"),
        ("up point five percent", "up 0.5%"),
        ("one hundred 20 people", "120 people"),
        ("one sixteenth of an inch", "one sixteenth of an inch"),
        ("boeing seven forty seven", "boeing 747"),
        ("the twenty 1st century", "the 21st century"),
        ("a 20 second timer", "a 20 second timer"),
        ("a tenth of a percent", "a tenth of a percent"),
        ("minus zero point five", "-0.5"),
    ],
    "money": [
        ("the total is one seventy one forty one", "the total is $171.41"),
        ("we paid eight ninety nine ninety nine", "we paid $899.99"),
        ("balance is one oh oh oh oh dollars", "balance is $10,000"),
        ("a dollar fifty", "$1.50"),
        ("five euros", "€5"),
        ("it cost me twenty pounds", "it cost me £20"),
        ("ten thousand yen", "¥10,000"),
        ("It costs $12 and 50 cents.", "It costs $12.50."),
        ("the one point five million dollar question", "the $1.5 million question"),
        ("half a million dollars", "half a million dollars"),
        ("a quarter of a million dollars", "a quarter of a million dollars"),
        ("ninety k dollars", "$90K"),
    ],
    "dates": [
        ("on the fourth of july", "on the 4th of July"),
        ("december seventh nineteen forty one", "December 7, 1941"),
        ("monday the third", "monday the 3rd"),
        ("June 3rd, 2022", "June 3, 2022"),
        ("in the nineteen eighties", "in the 1980s"),
        ("from eighteen sixty one to eighteen sixty five", "from 1861 to 1865"),
        ("q four results", "Q4 results"),
        ("may fifth", "May 5"),
        ("the two thousand eight crisis", "the 2008 crisis"),
        ("on feb second twenty twenty", "on Feb 2, 2020"),
        ("Due Feb. 2nd.", "Due Feb. 2."),
        ("jan plays second violin", "jan plays second violin"),
        ("in the year nineteen hundred", "in the year 1900"),
        ("on fourteen february twenty twenty", "on 14 February 2020"),
        ("the twenty 2nd of june", "the 22nd of June"),
        ("in ten sixty six", "in 1066"),
        ("it starts ten thirty tomorrow", "it starts 10:30 tomorrow"),
        ("since seventeen hundred", "since 1700"),
        ("in fifteen hundred words", "in 1,500 words"),
        ("on may first nineteen hundred", "on May 1, 1900"),
        ("the first of may nineteen hundred.", "the 1st of May 1900."),
        ("on may first nineteen hundred people came", "on May 1 1,900 people came"),
        ("june twelve twenty ten", "June 12, 2010"),
        ("may twenty twenty four", "May 2024"),
        ("march fifteen", "March 15"),
        ("my birthday is ten twelve eighty five", "my birthday is 10/12/85"),
        ("date of birth zero four two five nineteen eighty", "date of birth 04/25/1980"),
        ("My date of birth is 25-4-80.", "My date of birth is 25/4/80."),
        ("date of birth 1-2-1990", "date of birth 1/2/1990"),
        ("born on one two nineteen ninety", "born on 1/2/1990"),
        ("date of birth one two three four five", "date of birth one two three four five"),
        ("the year was twenty oh one", "the year was 2001"),
        ("on may the fourth", "on May 4"),
        ("may the first one win", "may the first one win"),
    ],
    "times": [
        ("at five thirty p m", "at 5:30 PM"),
        ("between two and three p m", "between 2 and 3 PM"),
        ("oh six hundred hours", "06:00 hours"),
        ("call at oh six thirty", "call at 06:30"),
        ("Meet me at 10, 15 a.m. today.", "Meet me at 10:15 AM today."),
        ("We have 10, 15 of them.", "We have 10, 15 of them."),
        ("the flight at 1645", "the flight at 16:45"),
        ("At 3.30 we met.", "At 3:30 we met."),
        ("open till 9am.", "open till 9 AM."),
        ("at 5 p.m. tomorrow", "at 5 PM tomorrow"),
        ("at 5 p.m. Then we left.", "at 5 PM. Then we left."),
        ("at ten past five", "at ten past five"),
        ("half past twelve", "half past twelve"),
    ],
    "digits": [
        ("Reach us at 800-555-321-0.", "Reach us at (800) 555-3210."),
        ("one eight hundred five five five one two one two", "+1 (800) 555-1212"),
        ("plus three three one four two seven eight nine zero one two", "+33 1 42 78 90 12"),
        ("my pin is four three two one", "my pin is 4321"),
        ("Call (617) 555-4987.", "Call (617) 555-4987."),
        ("The number is 212.555.0101", "The number is (212) 555-0101"),
        ("card expiring oh four twenty seven", "card expiring 04/27"),
        ("expiration date is twelve twenty five", "expiration date is 12/25"),
        ("valid thru oh nine twenty twenty six", "valid thru 09/2026"),
        ("it expires nine twenty six", "it expires 9/26"),
        ("My number is 6175554987.", "My number is (617) 555-4987."),
        ("The account number is 6175554987.", "The account number is 6175554987."),
        ("invoice number ten twenty five", "invoice number 1025"),
        ("invoice twenty twenty three dash oh one", "invoice 2023-01"),
        ("The card ending in 424-2.", "The card ending in 4242."),
        ("The last four games were 3-1.", "The last four games were 3-1."),
        ("gate b twelve", "gate B12"),
        ("flight four fifty two", "flight 452"),
        ("The social is 2-2-2-3-3-4-4-4-4", "The social is 222-33-4444"),
        ("Your code is Delta Echo 772.", "Your code is DE772."),
        ("his ssn is one two three four five six seven eight nine", "his ssn is 123-45-6789"),
        ("agent double o seven", "agent 007"),
        ("call nine one one", "call 911"),
        ("text me at seven oh two triple five zero one two three", "text me at (702) 555-0123"),
        ("it's five five five twelve thirty four", "it's 555-1234"),
        ("call two one three five five five six six six six x four five", "call (213) 555-6666 x45"),
        ("s s n is one two three four five six seven eight nine", "s s n is 123-45-6789"),
        ("My card is 4242, 4242, 4242, 4242, yes.", "My card is 4242 4242 4242 4242, yes."),
        ("postcode s w one a one a a", "postcode SW1A 1AA"),
        ("in london n w ten five a b please", "in london NW10 5AB please"),
        ("It is B33 8TH.", "It is B33 8TH."),
        ("It is S-W-1-A, 1-A-A.", "It is SW1A 1AA."),
        ("the postal code is k one a oh b one", "the postal code is K1A 0B1"),
        ("a b one two three", "a b one two three"),
        ("The reference is 555-1234.", "The reference is 555-1234."),
        ("The order number is 7-8-4-5-2-1.", "The order number is 784521."),
        ("Flight number UA 4 52.", "Flight number UA452."),
        ("Serial number SN 1 2 3 4 5 6.", "Serial number SN123456."),
    ],
    "addresses": [
        ("send an email to bob at example dot com and call", "send an email to bob@example.com and call"),
        ("it's first dot last at company dot org", "it's first.last@company.org"),
        ("www dot acme dot com slash contact dash us", "www.acme.com/contact-us"),
        ("ssh into one nine two dot one six eight dot one dot one", "ssh into 192.168.1.1"),
        ("five fifty five fifth avenue", "555 fifth avenue"),
        ("thirty third street is closed", "33rd street is closed"),
        ("email me at Jane Plus newsletter at gmail.com", "email me at jane+newsletter@gmail.com"),
        ("email info at the coffee shop dot com", "email info@thecoffeeshop.com"),
        ("it's kate two thousand at gmail dot com", "it's kate2000@gmail.com"),
        ("email me at peter at sign example dot com", "email me at peter@example.com"),
        ("visit the coffee house dot com", "visit thecoffeehouse.com"),
        ("shop at best buy dot com", "shop at bestbuy.com"),
        ("at least try google dot com", "at least try google.com"),
        ("Write to anna-maria at web.de", "Write to anna-maria@web.de"),
        ("visit the new acme dot com", "visit the new acme.com"),
        ("open localhost colon eight zero eight zero", "open localhost:8080"),
        ("my localhost is slow", "my localhost is slow"),
        ("two twenty one b baker street", "221B baker street"),
        ("four hundred fifth avenue", "400 fifth avenue"),
        ("four hundred twenty third street", "400 23rd street"),
        ("one hundred fifth street", "105th street"),
        ("the five hundredth street", "the 500th street"),
        ("flat three, ten high street", "flat three, 10 high street"),
        ("1, 2, 3 high street", "123 high street"),
        ("that's t e s t dot n e t", "that's test.net"),
        ("visit x y z dot c o dot u k", "visit xyz.co.uk"),
        ("go to acme dot com slash abc one two three", "go to acme.com/abc123"),
        ("go to acme dot com slash abc one day", "go to acme.com/abc one day"),
        ("fifteen fifty west forty second street", "1550 west 42nd street"),
    ],
}

STAY = [
    "one second please",
    "i second that motion",
    "that's a good point",
    "back to square one",
    "no one else",
    "on the one hand",
    "a thousand thanks",
    "a hundred times better",
    "we march at dawn",
    "it may rain",
    "may one ask",
    "the may issue",
    "march on washington",
    "the ides of march",
    "let's count one two three four five",
    "five four three two one liftoff",
    "two fifty a gallon",
    "nine eleven",
    "a dot in the middle",
    "connect the dots dot dot dot",
    "i am at work",
    "we met at noon",
    "oh no",
    "oh one more thing",
    "two plus two is four",
    "half an hour",
    "quarter to six",
    "two thirds of the people",
    "they pound the table",
    "five ways to improve",
    "the first time i saw her",
    "the point five of us made",
    "mark the mar on the table",
    "a one bedroom flat",
    "several million dollars",
    "",
    "...",
]


@pytest.mark.parametrize(("said", "written"), [pair for pairs in WRITTEN.values() for pair in pairs])
def test_numbers_are_written_as_they_are_meant(said: str, written: str) -> None:
    assert formatted(said) == written


@pytest.mark.parametrize("said", STAY)
def test_words_that_are_no_numbers_stay(said: str) -> None:
    assert formatted(said) == said


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("room two oh five", "room 2 0 5"),
        ("one two three", "1 2 3"),
        ("nineteen eighty four", "19 84"),
        ("august first", "august 1st"),
        ("one second please", "one second please"),
        ("It holds 12,400 people.", "It holds 12400 people."),
        ("five million", "5000000"),
        ("at five thirty p m", "at 5 30 p m"),
        ("my number is 617-555-4987", "my number is 617-555-4987"),
        ("It costs $1,250, not $2.5 million.", "It costs $1250, not $2.5 million."),
    ],
)
def test_numerals_alone_keep_digits_apart_and_write_no_commas(said: str, written: str) -> None:
    assert formatted(said, NUMERALS) == written


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("five milligrams a day", "5 mg a day"),
        ("sixty miles an hour", "60 mph"),
        ("twenty five degrees celsius", "25 °C"),
        ("ten megabits per second", "10 Mbps"),
        ("five to ten milligrams", "5 to 10 mg"),
        ("twelve by eight feet", "12 by 8 ft"),
        ("an inch and a mile", "an inch and a mile"),
        ("the twelve apostles", "the twelve apostles"),
    ],
)
def test_measurements_write_symbols_behind_numbers_alone(said: str, written: str) -> None:
    assert formatted(said, MEASUREMENTS) == written


@pytest.mark.parametrize(
    ("language", "said", "written"),
    [
        ("fr", "j ai vingt et un ans", "j ai 21 ans"),
        ("de", "zweihundert tausend Euro, eins zwei drei", "200000 Euro, 1 2 3"),
        ("es-419", "tengo doscientos mil euros", "tengo 200000 euros"),
        ("fr", "un homme", "un homme"),
        ("de", "eine Million Euro", "1000000 Euro"),
        ("de", "eine halbe Million Euro", "eine halbe Million Euro"),
        ("de", "eins Komma fünf Millionen", "1,5 Millionen"),
        ("fr", "un million d'euros", "1000000 d'euros"),
        ("it", "ho ventitré gatti", "ho 23 gatti"),
        ("pt-BR", "mil e duzentos reais", "1200 reais"),
        ("nl", "drieëntwintig katten", "23 katten"),
        ("da", "to millioner", "2000000"),
        ("sv", "tjugo", "tjugo"),
    ],
)
def test_other_languages_have_their_numbers(language: str, said: str, written: str) -> None:
    assert formatted(said, NUMERALS, language) == written


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("my card is 4111 1111.", "4111 1111."),
        ("call me at 212 555", "212 555"),
        ("on march tenth", "march tenth"),
        ("it was twelve dollars", "twelve dollars"),
        ("send it to j o h n", "j o h n"),
        ("email john at", "john at"),
        ("two hundred and", "two hundred and"),
        ("the code is a b", "a b"),
        ("the code is a", "a"),
        ("he is a", ""),
        ("take flight UA", "UA"),
        ("in the EU", ""),
        ("email me at jane dot doe", "me at jane dot doe"),
        ("it is at home", ""),
        ("see you in march", "march"),
        ("they march", ""),
        ("we may", ""),
        ("i think so", ""),
        ("look at", ""),
        ("I", ""),
        ("it rose by 5 percent", ""),
        ("ssn one two three four five six seven eight nine", ""),
    ],
)
def test_the_end_of_a_final_is_open_inside_an_entity(said: str, held: str) -> None:
    words = spoken(said)
    assert " ".join(word.text for word in words[open_from(words, find_entities(words)) :]) == held


def test_cues_of_earlier_finals_and_of_other_channels_count() -> None:
    words = spoken("four one one one one one one one one one one one")
    question = (Word("your", -2.0, -1.8, 1.0), Word("card", -1.7, -1.5, 1.0))
    assert [e.kind for e in find_entities(words)] == ["digits"]
    assert [e.kind for e in find_entities(words, "en", Context(("the", "card", "is")))] == ["credit_card"]
    assert [e.kind for e in find_entities(words, "en", Context(others=question))] == ["credit_card"]


def test_a_card_is_a_word_for_each_group_with_its_own_time() -> None:
    words = spoken("visa four one one one two two two two three three three three four four four four")
    groups = write(words, find_entities(words), SMART).words[1:]
    assert [word.text for word in groups] == ["4111", "2222", "3333", "4444"]
    assert [(word.start, word.end) for word in groups][:2] == [
        (words[1].start, words[4].end),
        (words[5].start, words[8].end),
    ]


VALUES = (
    "seven",
    "twelve",
    "twenty one",
    "ninety nine",
    "one hundred",
    "one hundred and one",
    "two hundred fifty four",
    "nine hundred ninety nine",
    "one thousand",
    "one thousand two hundred thirty four",
    "twelve thousand four hundred",
    "nine hundred ninety nine thousand nine hundred ninety nine",
    "one million two hundred thousand",
)


@pytest.mark.parametrize("said", VALUES)
def test_values_agree_with_text2num(said: str) -> None:
    atoms = atoms_of(spoken(said))
    number = read_number(atoms, 0)
    assert number is not None
    assert number.end == len(atoms)
    assert number.whole == text2num(said, "en")


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("20%", "percent"),
        ("3/10/2022", "date"),
        ("2024-05-06", "date"),
        ("1980s", "date"),
        ("$12.50", "money"),
    ],
)
def test_what_the_model_wrote_as_it_is_printed_is_found_and_stays(written: str, kind: str) -> None:
    assert [entity.kind for entity in find_entities(spoken(f"it is {written}."))] == [kind]
    assert formatted(f"it is {written}.") == f"it is {written}."
