"""What a process of ours gives up before it meets bytes from outside, on Linux.

Code that an attacker gets to run in a decoder shall find nothing: no file, no network, no other process, no
privilege. Three layers of the kernel say so independently: Landlock (files, TCP, signals), seccomp (system
calls) and no_new_privs with dropped capabilities. Where a kernel lacks one, the others hold, and the server
says what is missing (`check`). docs/adr/0021-sandbox.md has the reasons.
"""

from ringback.sandbox.profiles import Profile
from ringback.sandbox.rights import Layers, confine, hide_memory

__all__ = ["Layers", "Profile", "confine", "hide_memory"]
