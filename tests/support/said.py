"""What is said, as words in time, and what the text rules make of it."""

from ringback.features.entities import find_entities
from ringback.features.spans import Context, NumberFormats
from ringback.features.writing import write
from ringback.transcript import Word, joined

SMART = NumberFormats(smart_format=True)
NOTHING_AROUND = Context()


def spoken(text: str) -> tuple[Word, ...]:
    """The words of a text, one each 0.4 s."""
    return tuple(Word(word, i * 0.4, i * 0.4 + 0.3, 0.9) for i, word in enumerate(text.split()))


def written_from(said: str, formats: NumberFormats = SMART, context: Context = NOTHING_AROUND) -> str:
    """The text as the options have it written."""
    words = spoken(said)
    return joined(write(words, find_entities(words, context=context), formats).words)


def found_in(said: str, context: Context = NOTHING_AROUND) -> str:
    """What redaction and `detect_entities` go by: the kind and the digits of each entity, in order."""
    entities = find_entities(spoken(said), context=context)
    return " ".join(f"{entity.kind}:{entity.digits}" for entity in entities)
