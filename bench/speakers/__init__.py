"""Who spoke: conversations with known turns, and how much of them is given to the right person."""

import os

# As in the engine process: before numpy is imported, which reads it then.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
