"""`ringback transcribe FILE`: the same audio reader, recogniser and features as the server's, without one."""

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from ringback import telemetry
from ringback.bootstrap.understanding import open_understanding
from ringback.cli.local_engine import local_engine
from ringback.cli.options import settings_of, with_settings
from ringback.cli.output import ProgressBar
from ringback.clock import SystemClock
from ringback.engines.base import ModelInfo, Quality
from ringback.engines.names import model_folder
from ringback.engines.voices import diarizer, speaker_models_folder
from ringback.features.finish import Finished, finish
from ringback.features.utterances import utterances
from ringback.jobs.job import JobId
from ringback.listen import captions, results
from ringback.listen.json_parts import SentimentOfWords
from ringback.listen.language_warnings import language_warnings
from ringback.listen.options import ListenOptions, Mode, parse
from ringback.listen.speaker_warnings import speaker_warnings, with_speaker_warnings
from ringback.listen.text_warnings import with_text_warnings
from ringback.listen.understanding_parts import Understood
from ringback.settings import Settings
from ringback.transcript import NamedSpan, Paragraph, Sentence, Transcript, Utterance, joined
from ringback.transcription.model import model_for
from ringback.transcription.names import find_names
from ringback.transcription.progress import Progress
from ringback.transcription.recording_recogniser import RecordingRecogniser
from ringback.transcription.understanding import understand_recording
from ringback.understanding.understand import Understanding


@click.command("transcribe")
@with_settings
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "srt", "vtt"]),
    default="text",
    show_default=True,
    help="json is the server's result document; srt and vtt are captions.",
)
@click.option(
    "--model", help="A model from `ringback model list`, or a folder [default: the settings' model]."
)
@click.option("--language", help="What is spoken [default: en], such as es or fr, if the model knows it.")
@click.option("--detect-language", is_flag=True, help="Find out what is spoken.")
@click.option(
    "--multichannel",
    is_flag=True,
    help="Hear each channel by itself, as in a call with one side per channel.",
)
@click.option("--diarize", is_flag=True, help="Say who speaks; needs EXTRAS=speakers.")
@click.option("--encoding", help="For raw audio without a header: linear16, mulaw, opus …")
@click.option("--sample-rate", type=int, metavar="HZ", help="For raw audio.")
@click.option("--channels", type=int, help="For raw audio.")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other parameter of /v1/listen; may repeat.",
)
def command(
    *,
    config: Path | None,
    data_dir: str | None,
    file: Path,
    form: str,
    model: str | None,
    parameters: tuple[str, ...],
    **options_given: Any,
) -> None:
    """Transcribe FILE here and print what was said. No server is needed, and nothing leaves the machine,
    unless a language model is set (`llm.url`) and a parameter asks for what only it can give.

    FILE is whatever FFmpeg reads: wav, mp3, m4a, flac, ogg, opus, webm, amr, the sound of an mp4 …

    \b
    Examples:
      ringback transcribe call.wav
      ringback transcribe film.mp4 --format srt > film.srt
      ringback transcribe stereo.wav --multichannel --format json
      ringback transcribe meeting.m4a --diarize
      ringback transcribe carta.ogg --language es
      ringback transcribe phone.raw --encoding mulaw --sample-rate 8000
    """
    settings = settings_of(config, data_dir, model=model)
    requested = parse(list(_pairs(options_given, parameters)), Mode.RECORDED)
    options = with_text_warnings(requested, names=model_folder() is not None)
    options = with_speaker_warnings(options, speakers=speaker_models_folder() is not None)
    for warning in options.warnings:
        if warning.parameter == "utt_split" and form != "json":
            continue  # here it parts what is said in any form
        click.echo(f"Note: {warning.message}", err=True)
    transcription = asyncio.run(_transcribe(file, options, settings))
    for text in transcription.transcript.warnings:
        click.echo(f"Note: {text}", err=True)
    channels = transcription.transcript.channels
    understood = transcription.understood.warnings
    for warning in (*language_warnings(channels), *speaker_warnings(channels), *understood):
        click.echo(f"Note: {warning.message}", err=True)
    click.echo(_FORMS[form](transcription))


class _Transcription:
    """A transcript with all that one of the forms may need."""

    def __init__(
        self,
        file: Path,
        raw: Transcript,
        options: ListenOptions,
        model: ModelInfo,
        names: Sequence[Sequence[NamedSpan]] | None,
    ) -> None:
        self.file = file
        self.options = options
        self.model = model
        self.finished: Finished = finish(raw, options, names)
        self.transcript = self.finished.transcript
        self.understood = Understood()
        self.sentiment = SentimentOfWords()

    async def understand(self, understanding: Understanding) -> None:
        found = await understand_recording(self.finished, self.options, understanding)
        self.understood, self.sentiment = found

    @property
    def utterances(self) -> tuple[Utterance, ...]:
        return utterances(self.transcript, self.options.utt_split)


def _pairs(options_given: dict[str, Any], parameters: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The query string that a server would have been asked with."""
    given = [(name, text) for name, _, text in (parameter.partition("=") for parameter in parameters)]
    yield from given
    for name in {"smart_format", "utterances"}.difference(name for name, _ in given):
        yield name, "true"
    for name, value in options_given.items():
        if value not in (None, False):
            yield name, "true" if value is True else str(value)


async def _transcribe(file: Path, options: ListenOptions, settings: Settings) -> _Transcription:
    telemetry.configure("warning", "text")
    async with local_engine(settings) as engine:
        model = model_for(options, engine.catalogue)
        await engine.pool.wait_ready()
        with ProgressBar("Transcribing") as bar:
            recogniser = RecordingRecogniser(
                engine.reader, engine.pool, _BarProgress(bar), Quality(settings.engine.quality)
            )
            raw = await recogniser.recognise_recording(file, JobId(str(uuid.uuid4())), options, model)
        names = await find_names(raw, options, engine.pool)
        transcription = _Transcription(file, raw, options, model, names)
    async with AsyncExitStack() as stack:
        await transcription.understand(await open_understanding(settings.llm, SystemClock(), stack))
    return transcription


class _BarProgress(Progress):
    """Moves the bar whenever a piece has been recognised."""

    def __init__(self, bar: ProgressBar) -> None:
        super().__init__()
        self._bar = bar

    def advance(self, job: JobId, seconds: float, duration: float | None) -> None:
        self._bar.advance(seconds, duration or 0.0)


def _text(transcription: _Transcription) -> str:
    """Paragraphs; or, of several channels, who said what in its order."""
    if len(transcription.transcript.channels) > 1:
        return "\n".join(f"[{_source(each)}] {joined(each.words)}" for each in transcription.utterances)
    if transcription.finished.paragraphs is None:
        return transcription.transcript.channels[0].alternative.text
    return "\n\n".join(_paragraph(paragraph) for paragraph in transcription.finished.paragraphs[0])


def _source(utterance: Utterance) -> str:
    speaker = utterance.words[0].speaker
    return f"channel {utterance.channel}" + ("" if speaker is None else f", speaker {speaker}")


def _paragraph(paragraph: Paragraph) -> str:
    text = " ".join(_sentence(sentence) for sentence in paragraph.sentences)
    return text if paragraph.speaker is None else f"Speaker {paragraph.speaker}: {text}"


def _sentence(sentence: Sentence) -> str:
    return joined(sentence.words)


def _json(transcription: _Transcription) -> str:
    with transcription.file.open("rb") as audio:
        sha256 = hashlib.file_digest(audio, "sha256").hexdigest()
    model = transcription.model
    facts = results.ResultMetadata(
        request_id=str(uuid.uuid4()),
        sha256=sha256,
        created=SystemClock().now(),
        models=(results.ModelMetadata(model.uuid, model.name, model.version, model.arch),),
        diarizer=diarizer(transcription.options, live=False),
    )
    finished = transcription.finished
    document = results.result_document(
        finished.transcript,
        transcription.options,
        facts,
        utterances=finished.utterances,
        paragraphs=finished.paragraphs,
        entities=finished.entities,
        search=finished.search,
        understood=transcription.understood,
        sentiment=transcription.sentiment,
    )
    return document.decode()


_FORMS: dict[str, Callable[[_Transcription], str]] = {
    "text": _text,
    "json": _json,
    "srt": lambda transcription: captions.srt(transcription.utterances),
    "vtt": lambda transcription: captions.vtt(transcription.utterances),
}
