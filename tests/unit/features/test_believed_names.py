"""Finds of the names model that are numbers."""

import pytest

from ringback.features.believed_names import believed_names
from ringback.features.entities import find_entities
from ringback.features.finish import finish
from ringback.listen.options import ListenOptions
from ringback.transcript import Alternative, Channel, NamedSpan, Transcript, Word


def words_of(text: str) -> tuple[Word, ...]:
    return tuple(Word(word, i * 0.4, i * 0.4 + 0.3, 0.9) for i, word in enumerate(text.split()))


@pytest.mark.parametrize(
    ("text", "found", "believed"),
    [
        ("Social is 456-78-1234", NamedSpan(2, 3, "location_address"), False),
        ("Call it 337.", NamedSpan(2, 3, "location_address"), False),
        ("meeting at 10 a", NamedSpan(2, 4, "location_address"), False),
        ("my ssn is 456-78-1234", NamedSpan(3, 4, "location_zip"), False),
        ("to 123 Main Street", NamedSpan(1, 4, "location_address"), True),
        ("Boston 0215", NamedSpan(1, 2, "location_zip"), True),
        ("Ask J.", NamedSpan(1, 2, "name_given"), True),
        ("at O'Connell's", NamedSpan(1, 2, "location_address"), True),
    ],
)
def test_a_number_alone_is_no_name(text: str, found: NamedSpan, believed: bool) -> None:
    words = words_of(text)
    assert believed_names(words, [found], find_entities(words)) == ((found,) if believed else ())


def test_a_number_keeps_its_own_label_where_the_model_takes_it_for_an_address() -> None:
    words = words_of("Social is 456-78-1234")
    recognised = Transcript(9.0, (Channel(Alternative(words)),))
    options = ListenOptions(punctuate=True, redact=("numbers", "pii"), detect_entities=True)
    finished = finish(recognised, options, [[NamedSpan(2, 3, "location_address")]])
    assert finished.transcript.channels[0].alternative.text == "Social is [SSN_1]"
    assert finished.entities is not None
    assert [entity.label for entity in finished.entities[0]] == ["SSN"]
