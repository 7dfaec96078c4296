"""The engine process: recognition threads beside the serving loop, started by `process`.

It lives as long as the socket it was given: when the serving process goes, however it goes, the socket
ends and so does this process.
"""

import os
import queue
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import cast

import numpy as np

from ringback.audio.samples import Samples
from ringback.child_process.connection import ServerConnection
from ringback.engines import messages
from ringback.engines.base import Recogniser, Transducer
from ringback.engines.confinement import confine
from ringback.engines.names import NamesModel, model_folder
from ringback.engines.open_utterances import OpenUtterances
from ringback.engines.registry import ModelCatalogue, all_kinds
from ringback.engines.voices import SpeakerModels, speaker_models_folder
from ringback.errors import Misconfigured
from ringback.system import return_freed_memory


def main() -> None:
    # A Ctrl-C or a stop reaches the whole process group; the serving process decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        _Engine(ServerConnection(connection, messages.TO_ENGINE)).run()
    # Threads may be deep in native code; there is nothing to clean up that the kernel does not.
    os._exit(0)


_GPU_THREADS = 2
"""While one batch is computed, the words of the other one are put together."""


class _Engine:
    def __init__(self, server: ServerConnection[messages.ToEngine]) -> None:
        self._server = server
        self._batches: queue.PriorityQueue[tuple[int, int, messages.Batch, Samples]] = queue.PriorityQueue()
        self._utterances = OpenUtterances()

    def run(self) -> None:
        """Work until the other side ends."""
        frame = self._server.receive_message()
        if frame is None:
            return
        setup, _ = frame
        assert isinstance(setup, messages.EngineSetup)
        if not self._start(setup):
            return
        while (frame := self._server.receive_message()) is not None:
            message, samples = frame
            if isinstance(message, messages.CloseUtterance):
                self._utterances.close(message.utterance)
                continue
            assert isinstance(message, messages.Batch)
            self._batches.put((message.urgency, message.id, message, np.frombuffer(samples, np.float32)))

    def _start(self, setup: messages.EngineSetup) -> bool:
        try:
            catalogue = ModelCatalogue(
                setup.model, Path(setup.models), all_kinds(setup.kinds), live_model=setup.live_model
            )
            if setup.sandbox and catalogue.confined:
                # Before the model is loaded: Landlock holds the threads that are started after it.
                confine(setup)
            models = _Models(catalogue, setup)
            default = models.get(catalogue.default.name)
            default.warm()
            if catalogue.live_default != catalogue.default:
                models.get(catalogue.live_default.name).warm()
            return_freed_memory()  # what loading needed for a moment: 20 MB for tiny.en
        except Misconfigured as problem:
            self._send(messages.EngineUnusable(str(problem)))
            return False
        threads = min(setup.threads, _GPU_THREADS) if default.device == "cuda" else setup.threads
        for number in range(threads):
            threading.Thread(target=self._work, args=(models,), name=f"engine-{number}", daemon=True).start()
        compute_type = getattr(default, "compute_type", "")
        self._send(messages.EngineReady(default.info, default.device, compute_type, threads))
        return True

    def _work(self, models: "_Models") -> None:
        while True:
            _, _, batch, samples = self._batches.get()
            self._send(messages.BatchStarted(batch.id))
            self._send(_answer(models, self._utterances, batch, samples))

    def _send(self, message: messages.FromEngine) -> None:
        try:
            self._server.send_message(message)
        except ConnectionError:
            os._exit(0)


class _Models:
    """Loaded models, shared by all threads; each is loaded when it is first asked for."""

    def __init__(self, catalogue: ModelCatalogue, setup: messages.EngineSetup) -> None:
        self._catalogue = catalogue
        self._setup = setup
        self._loaded: dict[str, Recogniser] = {}
        self._names: NamesModel | None = None
        self._speakers: SpeakerModels | None = None
        self._loading = threading.Lock()

    def get(self, name: str) -> Recogniser:
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = self._catalogue.load(
                    name, self._setup.device, self._setup.compute_type, self._setup.threads
                )
            return self._loaded[name]

    def names(self) -> NamesModel:
        """The names model; requests that do not ask for names never load it."""
        with self._loading:
            if self._names is None:
                folder = model_folder()
                if folder is None:
                    raise Misconfigured("the names model is not installed: run `make setup EXTRAS=redact`")
                self._names = NamesModel(folder)
            return self._names

    def speakers(self) -> SpeakerModels:
        """The speaker models; requests that do not ask who speaks never load them."""
        with self._loading:
            if self._speakers is None:
                folder = speaker_models_folder()
                if folder is None:
                    raise Misconfigured(
                        "the speaker models are not installed: run `make setup EXTRAS=speakers`"
                    )
                self._speakers = SpeakerModels(folder)
            return self._speakers


def _answer(
    models: _Models, utterances: OpenUtterances, batch: messages.Batch, samples: Samples
) -> messages.FromEngine:
    try:
        if batch.texts:
            return messages.NamesFound(batch.id, models.names().find(batch.texts))
        segments = np.split(samples, np.cumsum(batch.lengths)[:-1])
        if batch.task.finds == "voices":
            return messages.VoicesFound(batch.id, models.speakers().find(segments))
        model = models.get(batch.task.model)
        if batch.task.finds == "languages":
            return messages.LanguagesFound(batch.id, model.identify(segments))
        if batch.parts:
            recognitions = utterances.feed(cast(Transducer, model), batch.parts, segments)
        else:
            recognitions = model.recognise(segments, batch.task)
    except Misconfigured as problem:
        return messages.BatchFailed(batch.id, str(problem), misconfigured=True)
    except Exception as error:
        traceback.print_exc()
        return messages.BatchFailed(batch.id, f"{type(error).__name__}: {error}")
    return messages.BatchRecognised(batch.id, recognitions)


if __name__ == "__main__":
    main()
