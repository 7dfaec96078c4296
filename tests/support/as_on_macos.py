"""Takes away from the modules of a process on Linux what they do not have on macOS.

`PROGRAM` is to run first in a process, as the `sitecustomize` of its path, say. What only the sandbox uses
stays: it is Linux's.
"""

PROGRAM = """
import fcntl, os, resource, select, signal, socket

for module, names in {
    os: ("sched_getaffinity", "sched_setaffinity", "fdatasync", "posix_fadvise", "posix_fallocate", "pipe2",
         "memfd_create", "copy_file_range", "eventfd", "pidfd_open", "splice", "getrandom", "O_TMPFILE",
         "O_DIRECT", "O_NOATIME", "CLONE_NEWNET"),
    socket: ("AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "SO_MARK",
             "SO_BINDTODEVICE", "TCP_QUICKACK", "TCP_DEFER_ACCEPT", "TCP_USER_TIMEOUT", "MSG_NOSIGNAL"),
    resource: ("prlimit", "RLIMIT_MSGQUEUE", "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_SIGPENDING"),
    fcntl: ("F_ADD_SEALS", "F_SETPIPE_SZ", "F_OFD_SETLK"),
    select: ("epoll",),
    signal: ("SIGRTMIN", "SIGRTMAX", "SIGPWR", "SIGSTKFLT"),
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
fcntl.F_FULLFSYNC = fcntl.F_GETFD  # a command that this kernel knows, too
"""
