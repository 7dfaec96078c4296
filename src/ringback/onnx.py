"""Small models on one thread of the process, through onnxruntime."""

from pathlib import Path
from typing import Any


def session(model: Path | bytes, *, memory_arena: bool = False) -> Any:
    """An inference session of the model in this file, or of these bytes.

    `memory_arena`: onnxruntime keeps the memory that it has once needed. Raises what onnxruntime raises.
    """
    # Imported where it is used: it takes 20 MB.
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = memory_arena
    # Exact sums where the processor would add two products of 8 bits in 16.
    options.add_session_config_entry("session.x64quantprecision", "1")
    # A plan of the memory for each new length of input takes longer than it saves, and some megabytes.
    options.enable_mem_pattern = False
    options.log_severity_level = _FATAL
    source = model if isinstance(model, bytes) else str(model)
    made = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"], sess_options=options)
    # It would keep the bytes beside what it has made of them, to be made again on another device.
    made._model_bytes = None
    return made


_FATAL = 4
