"""Our speaker models in a process of their own, as a peer is. Commands: `path` (a recording)."""

import time
from pathlib import Path

from bench.harness.audio import decoded
from bench.harness.child import Facts, obey, say
from ringback.audio.chunks import ChunkFinder
from ringback.audio.media_clock import Timeline
from ringback.audio.speech import Silero
from ringback.engines.voices import SpeakerModels, speaker_models_folder
from ringback.speakers.labels import clusters_of, labelled_voices

LONGEST_CHUNK = 15.0


def main() -> None:
    folder = speaker_models_folder()
    assert folder is not None, "the speaker models are not installed: `make setup EXTRAS=speakers`"
    models, silero = SpeakerModels(folder), Silero()
    say({"ready": True})

    def carry_out(command: Facts) -> Facts:
        """The seconds are of processor time, without those for chunks: every recording costs them."""
        samples = decoded(Path(command["path"]))
        chunks = ChunkFinder(silero, 1, LONGEST_CHUNK, Timeline())
        found = [*chunks.push(samples[None]), *chunks.finish()]
        before = time.process_time()
        voices = [voice.shifted(chunk.start) for chunk, own in found for voice in models.find([own])[0]]
        clusters = clusters_of(voices) if voices else None
        labelled = labelled_voices(voices, clusters.labels, clusters.centroids) if clusters else []
        spent = time.process_time() - before
        stretches = [[each.voice.start, each.voice.end, each.cluster] for each in labelled]
        return {"seconds": spent, "stretches": stretches}

    obey(carry_out)


if __name__ == "__main__":
    main()
