"""The rights that our child processes give up before they read untrusted bytes, on Linux.

Code that an attacker runs in a decoder must reach nothing: no file, no network, no other process, no
privilege. Three layers of the kernel enforce this independently: Landlock (files, TCP, signals), seccomp
(system calls) and no_new_privs with dropped capabilities. Where a kernel lacks one, the others hold, and the
server reports what is missing (`check`). docs/adr/0021-sandbox.md has the reasons.
"""

from ringback.sandbox.profiles import Profile
from ringback.sandbox.rights import Layers, confine, hide_memory

__all__ = ["Layers", "Profile", "confine", "hide_memory"]
