"""Makes the end of a process as strict as from Python 3.12 on.

There the interpreter refuses new threads and forks as soon as its end has begun: before it waits for threads,
and before `atexit`. Older ones do not. `PROGRAM` is to run first in a process, as the `sitecustomize` of its
path, say.
"""

import sys

PROGRAM = """
import _thread, os, threading
_shutdown = threading._shutdown  # the first that the end of the interpreter calls

def _refuse(*_, **__):
    raise RuntimeError("can't create new thread at interpreter shutdown")

def _end():
    threading._start_new_thread = _thread.start_new_thread = os.fork = _refuse
    _shutdown()

threading._shutdown = _end
"""

IS_STRICT_ITSELF = sys.version_info >= (3, 12)
