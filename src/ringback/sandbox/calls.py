"""The numbers of the system calls that the sandbox names (`asm/unistd_64.h`, `asm-generic/unistd.h`).

A test compares them with the headers of the machine that it runs on.
"""

from collections.abc import Mapping

_X86_64_AND_AARCH64 = """
    read 0 63        write 1 64        open 2 -         close 3 57       stat 4 -         fstat 5 80
    lstat 6 -        poll 7 -          lseek 8 62       mmap 9 222       mprotect 10 226  munmap 11 215
    brk 12 214       rt_sigaction 13 134  rt_sigprocmask 14 135  rt_sigreturn 15 139  ioctl 16 29
    pread64 17 67    readv 19 65       writev 20 66     access 21 -      pipe 22 -        select 23 -
    sched_yield 24 124  mremap 25 216    madvise 28 233    dup 32 23
    nanosleep 35 101  getpid 39 172    socket 41 198
    connect 42 203   sendto 44 206     recvfrom 45 207  sendmsg 46 211   recvmsg 47 212   shutdown 48 210
    bind 49 200      listen 50 201     getsockname 51 204  getsockopt 55 209  clone 56 220  fork 57 -
    vfork 58 -       execve 59 221     exit 60 93       kill 62 129      uname 63 160     fcntl 72 25
    truncate 76 45   ftruncate 77 46   getcwd 79 17     rename 82 -      mkdir 83 -       rmdir 84 -
    link 86 -        unlink 87 -       symlink 88 -     readlink 89 -    chmod 90 -       chown 92 -
    gettimeofday 96 169  getrlimit 97 163  getrusage 98 165  sysinfo 99 179  times 100 153  ptrace 101 117
    getuid 102 174   getgid 104 176    setuid 105 146   setgid 106 144   geteuid 107 175  getegid 108 177
    getppid 110 173  capget 125 90     capset 126 91     sigaltstack 131 132  mknod 133 -  personality 135 92
    statfs 137 43        sched_getparam 143 121  sched_getscheduler 145 120  sched_get_priority_max 146 125
    sched_get_priority_min 147 126  pivot_root 155 41  prctl 157 167   arch_prctl 158 -  chroot 161 51
    mount 165 40     umount2 166 39    swapon 167 224   reboot 169 142   init_module 175 105  gettid 186 178
    tkill 200 130    time 201 -        futex 202 98     sched_setaffinity 203 122  sched_getaffinity 204 123
    getdents64 217 61  set_tid_address 218 96  restart_syscall 219 128  clock_gettime 228 113
    clock_getres 229 114  clock_nanosleep 230 115  exit_group 231 94   tgkill 234 131  mbind 237 235
    set_mempolicy 238 237  get_mempolicy 239 236  kexec_load 246 104  add_key 248 217  request_key 249 218
    keyctl 250 219   openat 257 56     mkdirat 258 34   mknodat 259 33   fchownat 260 54  newfstatat 262 79
    unlinkat 263 35  renameat 264 38   linkat 265 37    symlinkat 266 36  readlinkat 267 78  fchmodat 268 53
    faccessat 269 48  pselect6 270 72  ppoll 271 73     unshare 272 97   set_robust_list 273 99
    get_robust_list 274 100  eventfd2 290 19  dup3 292 24  pipe2 293 59  rt_tgsigqueueinfo 297 240
    rt_sigqueueinfo 129 138  perf_event_open 298 241  prlimit64 302 261  name_to_handle_at 303 264
    open_by_handle_at 304 265  setns 308 268  getcpu 309 168  process_vm_readv 310 270
    process_vm_writev 311 271  kcmp 312 272  finit_module 313 273  renameat2 316 276  seccomp 317 277
    getrandom 318 278  memfd_create 319 279  kexec_file_load 320 294  bpf 321 280  execveat 322 281
    userfaultfd 323 282  membarrier 324 283  preadv 295 69  statx 332 291  rseq 334 293
    pidfd_send_signal 424 424  io_uring_setup 425 425  io_uring_enter 426 426  io_uring_register 427 427
    clone3 435 435   pidfd_getfd 438 438  pidfd_open 434 434  landlock_create_ruleset 444 444
    landlock_add_rule 445 445  landlock_restrict_self 446 446
"""


def _read(table: str) -> dict[str, dict[str, int]]:
    words = table.split()
    return {
        name: {
            machine: int(number)
            for machine, number in (("x86_64", x86_64), ("aarch64", aarch64))
            if number != "-"
        }
        for name, x86_64, aarch64 in zip(words[::3], words[1::3], words[2::3], strict=True)
    }


NUMBERS: Mapping[str, Mapping[str, int]] = _read(_X86_64_AND_AARCH64)
"""Name → machine → number; a call that a machine does not have is missing there."""

SAME_EVERYWHERE = 424
"""From this number on the calls of all machines are the same, and a C library must bear that they are not
there: it tries the older way."""
