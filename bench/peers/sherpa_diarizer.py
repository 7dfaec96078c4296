"""sherpa-onnx's diarizer with the same two models, one thread: what a user of Python would take instead.

Its best settings of those tried on the same conversations. Commands: `path` (a 16 kHz WAV).
"""

import sys
import time
import wave
from array import array
from pathlib import Path

import sherpa_onnx

from bench.harness.child import Facts, obey, say

THRESHOLD = 0.5
"""Cosine distance at which clusters are joined no more."""


def main() -> None:
    folder = Path(sys.argv[1])
    diarizer = sherpa_onnx.OfflineSpeakerDiarization(
        sherpa_onnx.OfflineSpeakerDiarizationConfig(
            segmentation=sherpa_onnx.OfflineSpeakerSegmentationModelConfig(
                pyannote=sherpa_onnx.OfflineSpeakerSegmentationPyannoteModelConfig(
                    model=str(folder / "segmentation.onnx")
                ),
                num_threads=1,
            ),
            embedding=sherpa_onnx.SpeakerEmbeddingExtractorConfig(
                model=str(folder / "embedding.onnx"), num_threads=1
            ),
            clustering=sherpa_onnx.FastClusteringConfig(num_clusters=-1, threshold=THRESHOLD),
        )
    )
    say({"ready": True})

    def carry_out(command: Facts) -> Facts:
        with wave.open(command["path"]) as file:
            # An array: a list of numbers would be eight times the memory, and none of its doing.
            samples = array("f", (each / 32_768 for each in array("h", file.readframes(file.getnframes()))))
        before = time.process_time()
        found = diarizer.process(samples).sort_by_start_time()
        spent = time.process_time() - before
        return {"seconds": spent, "stretches": [[each.start, each.end, each.speaker] for each in found]}

    obey(carry_out)


if __name__ == "__main__":
    main()
