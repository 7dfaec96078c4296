"""Trains the small transducer of the tests on nine recordings of tests/audio: `tests/transducer/`.

It knows the words of these recordings and no others: it proves that a streaming transducer is driven rightly
(order, times, flush, many streams), never how well anything is recognised. The files that it writes stand in
the repository: this is only needed to replace them. It needs torch, which Ringback does not, so it has an
environment of its own:

    python3.11 -m venv /tmp/train
    /tmp/train/bin/pip install torch==2.13.0 onnx==1.23.2 av kaldi-native-fbank==1.23.0 sherpa-onnx==2.0.1
    /tmp/train/bin/python tools/train_small_transducer.py

The model: two LSTM layers over four stacked frames of 10 ms, a predictor that sees the last two tokens, and a
sum in the joiner; at most one token per step, as sherpa-onnx's greedy search has it. Its three files have
the inputs and metadata of icefall's LSTM transducers (`lstm_transducer_stateless2/export-onnx.py`). Words of
nine letters and more are two tokens, so that words have to be put together.
"""

import hashlib
import json
import re
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import kaldi_native_fbank as knf
import numpy as np
import onnx
import sherpa_onnx
import torch
from torch import nn
from torch.nn.functional import ctc_loss, dropout, log_softmax, nll_loss, pad, relu

REPOSITORY = Path(__file__).parent.parent
AUDIO = REPOSITORY / "tests" / "audio"
OUT = REPOSITORY / "tests" / "transducer"

RATE, MELS = 16_000, 80
CHUNK, STACKED = 16, 4
"""Frames of 10 ms: what the encoder gets at once, and what becomes one step."""
WIDTH, LAYERS, CONTEXT = 128, 2, 2
STEPS, FLAT_STEPS, ENCODER_STEPS, BATCH = 1500, 250, 500, 6
"""The encoder learns alone at first, else the predictor learns the texts by heart and the sound does not count:
until `FLAT_STEPS` as if all tokens of a phrase were equally long, until `ENCODER_STEPS` by CTC."""
DROPPED = 0.4
"""Of what the predictor says, while it is trained."""
LONGEST = 7.0
"""Seconds: what is learnt at once; longer recordings are learnt between their pauses."""
LONG_WORD = 9

_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
GENERATOR = np.random.default_rng(1)
DIGITS = dict(zip("123456789", _NUMBERS, strict=True))
PAUSES: dict[str, list[tuple[float, int]]] = {
    "phone_en_auth_incorrect.flac": [(1.5, 2)],
    "phone_en_conf_usermenu.flac": [(3.52, 8), (8.05, 18), (12.12, 27)],
    "phone_en_confbridge_pin.flac": [(3.96, 10)],
    "phone_en_demo_nogo.flac": [(6.0, 17)],
    "phone_en_vm_tempgreeting2.flac": [(2.9, 7)],
}
"""Where a stream may cut a recording: the middle of each long pause in seconds, and the words before it."""


@dataclass
class Spoken:
    """Speech and its tokens."""

    samples: Any
    tokens: list[int]


def main() -> None:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    clips = {
        e["path"]: e["text"]
        for e in json.loads((AUDIO / "manifest.json").read_text())
        if e["language"] == "en"
    }
    words = {name: words_of(text) for name, text in clips.items()}
    vocabulary = [
        "<blk>",
        *sorted({token for each in words.values() for word in each for token in tokens_of(word)}),
    ]
    phrases = [phrase for name in clips for phrase in phrases_of(name, words[name], vocabulary)]
    model = Transducer(len(vocabulary), *normalisation(phrases))
    train(model, phrases)
    write(model, vocabulary)
    check(phrases, vocabulary)


def words_of(text: str) -> list[str]:
    spelled = re.sub(r"\d", lambda digit: DIGITS[digit[0]], text)
    return re.findall(r"[a-z']+", spelled.lower())


def tokens_of(word: str) -> list[str]:
    if len(word) < LONG_WORD:
        return ["▁" + word]
    middle = len(word) // 2
    return ["▁" + word[:middle], word[middle:]]


def phrases_of(name: str, words: list[str], vocabulary: list[str]) -> list[Spoken]:
    """The whole recording, and each stretch of it between pauses."""
    samples = samples_of(AUDIO / name)
    cuts = [(0.0, 0), *PAUSES.get(name, []), (len(samples) / RATE, len(words))]
    stretches = [(0, len(samples), words)]
    for i, (start, first) in enumerate(cuts):
        stretches += [(int(start * RATE), int(end * RATE), words[first:last]) for end, last in cuts[i + 1 :]]
    unique = {(start, end): said for start, end, said in stretches if end - start <= LONGEST * RATE}
    return [
        Spoken(samples[start:end], [vocabulary.index(token) for word in said for token in tokens_of(word)])
        for (start, end), said in unique.items()
    ]


def samples_of(path: Path) -> Any:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def features_of(samples: Any) -> torch.Tensor:
    """As sherpa-onnx computes them (sherpa-onnx/csrc/features.h)."""
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.frame_opts.samp_freq = RATE
    options.mel_opts.num_bins = MELS
    options.mel_opts.low_freq, options.mel_opts.high_freq = 20, -400
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(RATE, samples.tolist())
    fbank.input_finished()
    frames = np.stack([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])
    return torch.from_numpy(frames)


def normalisation(phrases: list[Spoken]) -> tuple[torch.Tensor, torch.Tensor]:
    frames = torch.cat([features_of(phrase.samples) for phrase in phrases])
    return frames.mean(0), frames.std(0)


class Transducer(nn.Module):  # type: ignore[misc]
    def __init__(self, tokens: int, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        super().__init__()
        self.encoder = Encoder(mean, deviation)
        self.predictor = Predictor(tokens)
        self.joiner = Joiner(tokens)


class Encoder(nn.Module):  # type: ignore[misc]
    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.stacked = nn.Linear(MELS * STACKED, WIDTH)
        self.layers = nn.LSTM(WIDTH, WIDTH, LAYERS, batch_first=True)

    def forward(self, x: Any, state0: Any, state1: Any) -> Any:
        """(N, T, 80) and two states (layers, N, width) → (N, T / 4, width) and the states after it."""
        x = (x - self.mean) / self.deviation
        x = x.reshape(x.shape[0], x.shape[1] // STACKED, MELS * STACKED)
        out, (hidden, cell) = self.layers(relu(self.stacked(x)), (state0, state1))
        return out, hidden, cell


class Predictor(nn.Module):  # type: ignore[misc]
    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, WIDTH // 2)
        self.out = nn.Linear(CONTEXT * (WIDTH // 2), WIDTH)

    def forward(self, y: Any) -> Any:
        """(N, 2) → (N, width)."""
        return self.out(self.embedding(y).reshape(y.shape[0], CONTEXT * (WIDTH // 2)))


class Joiner(nn.Module):  # type: ignore[misc]
    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.out = nn.Linear(WIDTH, tokens)

    def forward(self, encoder_out: Any, decoder_out: Any) -> Any:
        return self.out(torch.tanh(encoder_out + decoder_out))


def train(model: Transducer, phrases: list[Spoken]) -> None:
    began = time.process_time()
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=STEPS)
    for step in range(STEPS):
        batch = [phrases[i] for i in GENERATOR.choice(len(phrases), BATCH, replace=False)]
        loss = loss_of(model, batch, step)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == STEPS - 1:
            print(f"step {step}: loss {loss.item():.3f}, {time.process_time() - began:.0f} s", flush=True)


def varied(phrase: Spoken) -> tuple[torch.Tensor, torch.Tensor]:
    """Its frames, and for each step the token if all were equally long.

    As a stream may bring them: with silence around it, at another loudness, with some noise.
    """
    before, after = GENERATOR.integers(0, [RATE * 6 // 10, RATE * 5 // 10])
    samples = np.pad(phrase.samples * 10 ** GENERATOR.uniform(-0.3, 0.2), (before, after))
    noise = GENERATOR.normal(0, 10 ** GENERATOR.uniform(-5, -3), len(samples))
    frames = features_of((samples + noise).astype(np.float32))
    steps = torch.arange(-(-len(frames) // STACKED)) * STACKED * 160 - before
    places = (steps * len(phrase.tokens)).div(len(phrase.samples), rounding_mode="floor")
    inside = (places >= 0) & (places < len(phrase.tokens))
    flat = torch.tensor(phrase.tokens)[places.clamp(0, len(phrase.tokens) - 1)]
    return frames, torch.where(inside, flat, 0)


def loss_of(model: Transducer, batch: list[Spoken], step: int) -> Any:
    """-log p of the tokens, where each step emits one token or none; per token. The encoder's own on top."""
    frames, flat = zip(*map(varied, batch), strict=True)
    longest = -(-max(map(len, frames)) // CHUNK) * CHUNK
    x = torch.stack([pad(each, (0, 0, 0, longest - len(each)), value=-15.9) for each in frames])
    nothing = torch.zeros(LAYERS, len(batch), WIDTH)
    encoded, _, _ = model.encoder(x, nothing, nothing)
    most = max(len(phrase.tokens) for phrase in batch)
    tokens = torch.tensor([phrase.tokens + [0] * (most - len(phrase.tokens)) for phrase in batch])
    ends = torch.tensor([-(-len(each) // STACKED) for each in frames])
    lengths = torch.tensor([len(phrase.tokens) for phrase in batch])
    alone = log_softmax(model.joiner(encoded, torch.zeros(WIDTH)), -1).transpose(0, 1)
    if step < FLAT_STEPS:
        labels = torch.stack([pad(each, (0, len(alone) - len(each))) for each in flat], 1)
        return nll_loss(alone.flatten(0, 1), labels.flatten())
    loss = ctc_loss(alone, tokens, ends, lengths)
    if step < ENCODER_STEPS:
        return loss
    history = pad(tokens, (CONTEXT, 0))
    contexts = torch.stack([history[:, i : i + CONTEXT] for i in range(most + 1)], 1)
    predicted = model.predictor(contexts.reshape(-1, CONTEXT)).reshape(len(batch), most + 1, WIDTH)
    predicted = dropout(predicted, DROPPED)
    scores = log_softmax(model.joiner(encoded[:, :, None], predicted[:, None]), -1)
    blank = scores[..., 0]
    emitted = scores[:, :, :most].gather(-1, tokens[:, None, :, None].expand(-1, scores.shape[1], -1, 1))[
        ..., 0
    ]
    return 0.3 * loss - (path_sum(blank, emitted, ends, lengths) / lengths).mean()


def path_sum(blank: Any, emitted: Any, ends: Any, lengths: Any) -> Any:
    """Log of the sum over all alignments, (N,); `blank` (N, T, U + 1), `emitted` (N, T, U)."""
    count, steps, places = blank.shape
    reached = torch.full((count, places), -1e9)
    reached[:, 0] = 0.0
    found = [reached]
    for t in range(steps):
        moved = pad(reached[:, :-1] + emitted[:, t], (1, 0), value=-1e9)
        reached = torch.logaddexp(reached + blank[:, t], moved)
        found.append(reached)
    return torch.stack(found, 1)[torch.arange(count), ends.clamp(max=steps), lengths]


def write(model: Transducer, vocabulary: list[str]) -> None:
    OUT.mkdir(exist_ok=True)
    model.eval()
    state = torch.zeros(LAYERS, 1, WIDTH)
    export(
        model.encoder,
        "encoder",
        (torch.zeros(1, CHUNK, MELS), state, state),
        inputs={"x": {0: "N"}, "state0": {1: "N"}, "state1": {1: "N"}},
        outputs={"encoder_out": {0: "N"}, "next_state0": {1: "N"}, "next_state1": {1: "N"}},
        metadata={
            "model_type": "lstm",
            "num_encoder_layers": LAYERS,
            "T": CHUNK,
            "decode_chunk_len": CHUNK,
            "rnn_hidden_size": WIDTH,
            "d_model": WIDTH,
        },
    )
    export(
        model.predictor,
        "decoder",
        (torch.zeros(1, CONTEXT, dtype=torch.int64),),
        inputs={"y": {0: "N"}},
        outputs={"decoder_out": {0: "N"}},
        metadata={"context_size": CONTEXT, "vocab_size": len(vocabulary)},
    )
    export(
        model.joiner,
        "joiner",
        (torch.zeros(1, WIDTH), torch.zeros(1, WIDTH)),
        inputs={"encoder_out": {0: "N"}, "decoder_out": {0: "N"}},
        outputs={"logit": {0: "N"}},
        metadata={"joiner_dim": WIDTH},
    )
    (OUT / "tokens.txt").write_text("".join(f"{token} {i}\n" for i, token in enumerate(vocabulary)))
    (OUT / "ringback.json").write_text('{"languages": ["en"]}\n')
    names = ("encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt")
    hashes = [f"{hashlib.sha256((OUT / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (OUT / "SHA256SUMS").write_text("".join(hashes))


def export(
    part: Any, name: str, example: Any, *, inputs: Any, outputs: Any, metadata: dict[str, object]
) -> None:
    path = OUT / f"{name}.onnx"
    torch.onnx.export(
        part,
        example,
        str(path),
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_axes=inputs | outputs,
        opset_version=17,
        dynamo=False,
    )
    exported = onnx.load(str(path))
    for key, value in metadata.items():
        exported.metadata_props.add(key=key, value=str(value))
    onnx.save(exported, str(path))


def check(phrases: list[Spoken], vocabulary: list[str]) -> None:
    """Each phrase through sherpa-onnx in pieces of 100 ms, as it is and behind some silence."""
    recogniser = sherpa_onnx.OnlineRecognizer.from_transducer(
        *(str(OUT / name) for name in ("tokens.txt", "encoder.onnx", "decoder.onnx", "joiner.onnx")),
        num_threads=1,
    )
    wrong = 0
    for phrase in phrases:
        expected = "".join(vocabulary[token] for token in phrase.tokens).replace("▁", " ").split()
        for before in (0, 1_234, 4_000, 7_777):
            recognised, texts, times = streamed(recogniser, np.pad(phrase.samples, (before, 0)))
            assert all(one <= other for one, other in pairwise(times))
            wrong += recognised != expected
            print(f"{len(set(texts))} partials, last at {times[-1]:.2f} s: {' '.join(recognised)}")
            if recognised != expected:
                print(f"    expected: {' '.join(expected)}")
    sys.exit(f"{wrong} were not recognised" if wrong else 0)


def streamed(recogniser: Any, samples: Any) -> tuple[list[str], list[str], list[float]]:
    stream = recogniser.create_stream()
    texts = []
    for piece in [*np.array_split(samples, len(samples) // 1600), np.zeros(RATE // 2, np.float32)]:
        stream.accept_waveform(RATE, piece)
        while recogniser.is_ready(stream):
            recogniser.decode_stream(stream)
        texts.append(recogniser.get_result(stream))
    return texts[-1].split(), texts, recogniser.timestamps(stream)


if __name__ == "__main__":
    main()
