"""What the Linux kernel takes away from a process that asks for it: network, files, system calls, privileges.

The standard library has no words for these calls, so they are made through the C library. Each one raises the `OSError`
of the kernel; whether a kernel has one at all is found out by trying (`confinement`). Nothing here is undone: what a
process gave up stays given up, also for what it forks and starts.
"""

import contextlib
import ctypes
import os
import platform
import struct
from collections.abc import Collection, Iterable
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITIES_VERSION = 0x2008_0522
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446  # the same on every processor
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
# what each version of Landlock can forbid; a version can do all that those before it can
_FILES = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
LANDLOCK_TCP, _TCP = 4, 0b11  # bind and connect
_SCOPE_FROM, _SCOPE = 6, 0b11  # abstract sockets and signals stay among what is confined together

# system call -> its number on x86_64 and on aarch64, None where it has none
_NETWORK = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),  # opens sockets too
}  # fmt: skip
_PROCESSES = {
    "fork": (57, None), "vfork": (58, None), "clone": (56, 220), "clone3": (435, 435),
    "execve": (59, 221), "execveat": (322, 281),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
}  # fmt: skip
_NAMES_OF_FILES = {
    "creat": (85, None), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "mknod": (133, None), "mknodat": (259, 33), "truncate": (76, 45), "ftruncate": (77, 46),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "open_by_handle_at": (304, 265),
}  # fmt: skip
_MACHINE = {  # the kernel itself is what is left to attack
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "mount_setattr": (442, 442), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
}  # fmt: skip
NETWORK = frozenset(_NETWORK)
ALL = NETWORK | _PROCESSES.keys() | _NAMES_OF_FILES.keys() | _MACHINE.keys()
_NUMBERS = _NETWORK | _PROCESSES | _NAMES_OF_FILES | _MACHINE
_PROCESSORS = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}  # column above, and AUDIT_ARCH_*
_X32_BIT = 0x4000_0000  # on x86_64, the numbers of another calling convention begin here

# classic BPF, as linux/filter.h and linux/seccomp.h name it
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_AT_NUMBER, _AT_PROCESSOR = 0, 4
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0000 | 1  # EPERM

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Be killed as soon as the thread that forked us ends; end at once where it is gone already."""
    _prctl(_PR_SET_PDEATHSIG, 9)
    if os.getppid() != parent:
        os._exit(0)


def forbid_new_privileges() -> None:
    """No program that we start has more rights than we have, whatever its file says."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def forbid_dumps() -> None:
    """Leave no core file, to nobody: a limit of 0 bytes does not keep one from a program that collects them."""
    _prctl(_PR_SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Give up what root may do beyond its own files; nothing changes for anybody else."""
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    _checked(_libc.capset(header, struct.pack("=6I", 0, 0, 0, 0, 0, 0)))


def unshare(flags: int) -> None:
    """Leave what we share with others: `CLONE_NEWNET` gives an empty network."""
    _checked(_libc.unshare(ctypes.c_int(flags)))


def landlock_version() -> int:
    """The version of Landlock that this kernel speaks; 0 where it has none, or has it switched off."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)))


def landlock_rules(readable: Iterable[Path]) -> int:
    """A descriptor of rules: nothing of the file system but to read below these folders; no TCP, no foreign signals."""
    version = landlock_version()
    files = sum(bits for since, bits in _FILES.items() if version >= since)
    tcp = _TCP if version >= LANDLOCK_TCP else 0
    scope = _SCOPE if version >= _SCOPE_FROM else 0
    asked = struct.pack("=QQQ", files, tcp, scope)
    rules = _checked(_libc.syscall(_LANDLOCK_CREATE_RULESET, asked, ctypes.c_size_t(len(asked)), 0))
    for folder in readable:
        opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            rule = struct.pack("=Qi", _READ_FILE | _READ_DIR, opened)
            _checked(_libc.syscall(_LANDLOCK_ADD_RULE, rules, _LANDLOCK_PATH_BENEATH, rule, 0))
        finally:
            os.close(opened)
    return rules


def landlock(rules: int) -> None:
    """Be held to these rules from now on; new privileges must be forbidden before."""
    _checked(_libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0))


def filter_program(refused: Collection[str]) -> bytes:
    """A filter that answers these system calls with EPERM; empty where we do not know the numbers of this processor."""
    known = _PROCESSORS.get(platform.machine())
    if known is None:
        return b""
    column, processor = known
    numbers = sorted(n for name in refused if (n := _NUMBERS[name][column]) is not None)
    steps = [(_LOAD, 0, 0, _AT_PROCESSOR), (_IF_EQUAL, 1, 0, processor), (_RETURN, 0, 0, _REFUSE)]
    steps.append((_LOAD, 0, 0, _AT_NUMBER))
    # each jump counts the steps between it and the refusal at the end
    steps.append((_IF_AT_LEAST, len(numbers) + 1, 0, _X32_BIT))
    steps += [(_IF_EQUAL, len(numbers) - rank, 0, number) for rank, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def filter_calls(program: bytes) -> None:
    """Be held to a filter of `filter_program` from now on; new privileges must be forbidden before."""
    steps = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, then (aligned) where the steps are
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(steps))
    _checked(_libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), described, 0, 0))


def shut_network() -> None:
    """No new socket in this process, where the kernel can forbid it: for a server that talks over pipes alone."""
    program = filter_program(NETWORK)
    if program:
        forbid_new_privileges()
        with contextlib.suppress(OSError):  # a kernel without seccomp; the namespace we were started in still counts
            filter_calls(program)


def _prctl(what: int, value: int) -> None:
    _checked(_libc.prctl(what, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)
