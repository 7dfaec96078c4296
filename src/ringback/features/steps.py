"""What the text options make of one channel's words: the steps, in the one order that is right. Pure.

| | step | module |
|---|---|---|
| 1 | the recogniser's words, terms repaired (`keyterm`) | `engines` |
| 2 | search | `search`, over the recogniser's words |
| 3 | fillers left out or respelt | `fillers` |
| 4 | dictation | `dictating` |
| 5 | numbers and other entities found, once | `entities`; names by a model |
| 6 | redaction: labels in place of what is to be hidden, closed to all later steps | `redaction` |
| 7 | `smart_format`, `numerals`, `measurements` | `writing` |
| 8 | profanity masked | `profanity` |
| 9 | find and replace | `replacing` |
| 10 | `punctuate=false`: plain words; sentences are kept as they were before | `plain`, `written_sentences` |
| 11 | utterances, paragraphs, entities with their indices, snippets | `finish`, `live` |

Recordings (`finish`) and live streams (`live`) go through the same functions: `speak` (3, 4), `look_into` (5,
what is to be hidden), `write_out` (6 to 10, and the entities).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ringback.features.believed_names import believed_names
from ringback.features.dictating import dictate
from ringback.features.edits import Edit, Range, apply_edits, moved, outside
from ringback.features.entities import each_speakers_own, find_entities
from ringback.features.fillers import with_fillers, without_fillers
from ringback.features.plain import plain
from ringback.features.profanity import mask_profanity
from ringback.features.redaction import Hidden, find_hidden, hide
from ringback.features.redaction_cues import Cues
from ringback.features.replacing import Replacement, replace_words, replacements
from ringback.features.search import SearchResult, snippet
from ringback.features.spans import Context, Entity, NumberFormats
from ringback.features.writing import write
from ringback.features.written_sentences import WrittenSentence, moved_sentences, written_sentences
from ringback.listen.entity_types import ALL, RedactionTypes, redaction_types
from ringback.listen.json_parts import JsonEntity, JsonHit, JsonSearch, seconds, share
from ringback.listen.options import ListenOptions
from ringback.listen.text_languages import is_english
from ringback.listen.understanding_rules import asks_for_understanding
from ringback.transcript import NamedSpan, Word, joined, overlap


@dataclass(frozen=True, slots=True)
class TextSteps:
    """The steps that the options of a request ask for; read once per request or stream."""

    fillers: bool
    dictation: bool
    formats: NumberFormats
    redact: RedactionTypes
    profanity: bool
    replacements: tuple[Replacement, ...]
    punctuate: bool
    entities: bool
    """Whether they are to be reported."""
    raw_values: bool
    """Whether with their words as they were said: where formatting may have changed them."""
    sentences: bool
    """Whether sentences are kept, for what understands the text."""

    @classmethod
    def of(cls, options: ListenOptions, *, live: bool = False) -> "TextSteps":
        formats = NumberFormats(options.smart_format, options.numerals, options.measurements)
        return cls(
            fillers=options.filler_words,
            dictation=options.dictation and options.punctuate,
            formats=formats,
            redact=redaction_types(options.redact),
            profanity=options.profanity_filter,
            replacements=replacements(options.replace),
            punctuate=options.punctuate,
            entities=options.detect_entities,
            raw_values=live or formats != NumberFormats(),
            sentences=asks_for_understanding(options) and not live,
        )

    @property
    def reads_spans(self) -> bool:
        """Whether anything depends on numbers and other entities."""
        return self.entities or bool(self.redact) or self.formats != NumberFormats()

    @property
    def reads_names(self) -> bool:
        """Whether the model of names has something to find."""
        return self.entities or self.redact.named

    def speak(self, words: Sequence[Word], language: str, before: Word | None = None) -> tuple[Word, ...]:
        """The words without fillers and with dictated marks; `before`: the one said right before them."""
        said = with_fillers(words, language) if self.fillers else without_fillers(words, language)
        return dictate(said, before) if self.dictation and is_english(language) else said


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words of one channel after `TextSteps.speak`, with what is known about them."""

    words: tuple[Word, ...]
    language: str
    """BCP-47."""
    names: tuple[NamedSpan, ...] = ()
    before: tuple[str, ...] = ()
    """The bare words right before the first one."""
    others: tuple[Word, ...] = ()
    """What other channels said, in order of time: their cues count."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found in words, before anything is written."""

    spoken: Spoken
    entities: tuple[Entity, ...]
    hidden: tuple[Hidden, ...]

    @property
    def hidden_times(self) -> tuple[tuple[float, float], ...]:
        """From when to when something hidden was said."""
        words = self.spoken.words
        return tuple((words[span.first].start, words[span.end - 1].end) for span in self.hidden)


@dataclass(frozen=True, slots=True)
class WrittenOut:
    """Words as asked for, and the entities in them."""

    words: tuple[Word, ...]
    entities: tuple[JsonEntity, ...] = ()
    sentences: tuple[WrittenSentence, ...] = ()


def look_into(spoken: Spoken, steps: TextSteps, *, settled: bool = True) -> Looked:
    """The entities in the words, and which of the words are to be hidden. Not `settled`: of a result that may
    change, in which every run of digits is hidden that a requested type might come to own."""
    if not steps.reads_spans:
        return Looked(spoken, (), ())
    context = Context(spoken.before, spoken.others)
    entities = find_entities(spoken.words, spoken.language, context, numerals=steps.formats.numerals)
    names = believed_names(spoken.words, spoken.names, entities)
    cues = Cues([word.bare for word in spoken.words], spoken.before, spoken.others)
    hidden = find_hidden(spoken.words, entities, names, steps.redact, cues, settled=settled)
    return Looked(replace(spoken, names=names), entities, hidden)


def write_out(looked: Looked, labels: Sequence[str], steps: TextSteps) -> WrittenOut:
    """The words as asked for; `labels`: one for each hidden span."""
    spoken = looked.spoken
    entities = each_speakers_own(
        hide(looked.entities, looked.hidden, labels), spoken.words, spoken.language, steps.formats
    )
    text = _Text(spoken.words, _reported(entities, spoken, looked.hidden))
    text.edit(_written(spoken.words, entities, steps.formats))
    text.close([(entity.first, entity.end) for entity in entities if entity.label])
    if steps.profanity:
        text.edit(mask_profanity(text.words, spoken.language))
    text.edit(replace_words(text.words, steps.replacements, text.closed))
    sentences = written_sentences(text.words) if steps.sentences else ()
    if not steps.punctuate:
        edits = plain(text.words)
        text.edit(edits, closed=False)
        sentences = moved_sentences(sentences, edits)
    mentions = text.mentions(spoken.words, raw=steps.raw_values) if steps.entities else ()
    return WrittenOut(text.words, mentions, sentences)


def reported(
    found: Sequence[SearchResult], words: Sequence[Word], hidden: Sequence[tuple[float, float]]
) -> tuple[JsonSearch, ...]:
    """What was found, with snippets of the finished words. A hit in something hidden is left out: it would
    say what stands behind the label."""
    return tuple(
        JsonSearch(
            result.query,
            [
                JsonHit(share(hit.confidence), seconds(hit.start), seconds(hit.end), snippet(hit, words))
                for hit in result.hits
                if not any(hit.start < end and start < hit.end for start, end in hidden)
            ],
        )
        for result in found
    )


class _Text:
    """Words on their way through the steps, and where their entities are."""

    def __init__(self, words: Sequence[Word], entities: Sequence[tuple[Range, str, str]]) -> None:
        """`entities`: of each its words, its kind and the label that stands for it, if it is hidden."""
        self.words = tuple(words)
        self._entities = entities
        self._ranges: tuple[Range, ...] = tuple(where for where, _, _ in entities)
        self.closed: tuple[Range, ...] = ()
        self._edits: list[Sequence[Edit]] = []

    def edit(self, edits: Sequence[Edit], *, closed: bool = True) -> None:
        """Carry out the edits, but those of `closed` words."""
        allowed = outside(edits, self.closed) if closed and self.closed else list(edits)
        self.words = apply_edits(self.words, allowed)
        self._ranges = moved(self._ranges, allowed)
        self.closed = moved(self.closed, allowed)
        self._edits.append(allowed)

    def close(self, ranges: Sequence[Range]) -> None:
        """From now on these are not touched; given in the words as they were at first."""
        closed = tuple(ranges)
        for edits in self._edits:
            closed = moved(closed, edits)
        self.closed = closed

    def mentions(self, spoken: Sequence[Word], *, raw: bool) -> tuple[JsonEntity, ...]:
        """The entities of which something is left, in order."""
        found = []
        for (first, end), (was, kind, label) in zip(self._ranges, self._entities, strict=True):
            if first < end:
                said = label or " ".join(word.bare for word in spoken[was[0] : was[1]])
                found.append(_mention(self.words[first:end], kind, label, said if raw else None, first))
        return tuple(found)


def _mention(words: Sequence[Word], kind: str, label: str, raw: str | None, first: int) -> JsonEntity:
    text = joined(words)
    value = label or text.strip(_AROUND)
    confidence = sum(word.confidence for word in words) / len(words)
    return JsonEntity(kind.upper(), value, share(confidence), first, first + len(words), raw)


def _reported(
    entities: Sequence[Entity], spoken: Spoken, hidden: Sequence[Hidden]
) -> list[tuple[Range, str, str]]:
    """What `detect_entities` tells, in order: what was found by rules, hidden or not, and names. A number
    inside a name or an address is a part of it."""
    names = [name for name in spoken.names if not any(overlap(name, each) for each in hidden)]
    found = [((name.first, name.end), name.kind, "") for name in names]
    found += [
        ((each.first, each.end), each.kind, each.label)
        for each in entities
        if each.kind in ALL and (each.label or not any(overlap(each, name) for name in names))
    ]
    return sorted(found)


def _written(words: Sequence[Word], entities: Sequence[Entity], formats: NumberFormats) -> list[Edit]:
    """The entities' written forms, as edits."""
    formatted = write(words, entities, formats)
    edits = [
        Edit(entity.first, entity.end, formatted.words[first:end])
        for entity, (first, end) in zip(entities, formatted.ranges, strict=True)
    ]
    return [edit for edit in edits if any(a is not b for a, b in _pairs(words, edit))]


def _pairs(words: Sequence[Word], edit: Edit) -> Sequence[tuple[Word | None, Word | None]]:
    before = words[edit.first : edit.end]
    if len(before) != len(edit.words):
        return [(None, before[0])]
    return list(zip(before, edit.words, strict=True))


_AROUND = ".,?!;:…\"'“”‘’«»¿¡\n"
"""Marks of the sentence; brackets may be a phone number's own."""
