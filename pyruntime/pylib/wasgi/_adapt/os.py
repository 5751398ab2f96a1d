"""The names that os lacks here: answered where an answer is true, else explained.

A name without an answer stays an AttributeError, so that hasattr(os, "fork") tells the
truth and code that asks first takes its other way.
"""

import errno
import operator
import os

from wasgi._sandbox import NO_PROCESSES

_PROCESSES = (
    "fork", "forkpty", "posix_spawn", "posix_spawnp", "spawnl", "spawnle", "spawnlp",
    "spawnlpe", "spawnv", "spawnve", "spawnvp", "spawnvpe", "system", "wait3", "wait4", "waitid", "kill", "killpg", "register_at_fork", "nice", "setsid", "getpgid",
    "setpgid", "getpgrp", "setpgrp", "getsid", "pidfd_open", "WNOHANG", "execv", "execve",
)
_PIPES = ("pipe", "pipe2", "mkfifo", "openpty", "dup2", "eventfd", "socketpair")
_USERS = (
    "chroot", "setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid", "setgroups",
    "initgroups", "lchmod", "mknod",
)


def getuid():
    """Return 0: files say so too, and /etc/passwd calls it app."""
    return 0


def getppid():
    """Return 0: there is no process above this one."""
    return 0


def getlogin():
    """Return the one user's name."""
    import pwd

    return pwd.getpwuid(0).pw_name


def getgroups():
    """Return the one group."""
    return [0]


def getresuid():
    """Return the one user three times: real, effective, saved."""
    return (0, 0, 0)


def getloadavg():
    """Raise OSError: an app sees no load but its own."""
    raise OSError(errno.ENOSYS, "the load is unknown: wasgi's sandbox does not show the server's")


def sched_getaffinity(pid):
    """Return the one processor an instance runs on."""
    return {0}


def get_terminal_size(fd=1):
    """Raise OSError: what a terminal is like stays outside the sandbox."""
    raise OSError(errno.ENOTTY, "the terminal's size is unknown in wasgi's sandbox")


def chown(path, uid, gid, *, dir_fd=None, follow_symlinks=True):
    """Leave the owner as it is, as chmod does with the mode: files have neither."""
    operator.index(uid), operator.index(gid)
    os.stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)


def lchown(path, uid, gid):
    """Leave the owner as it is."""
    chown(path, uid, gid, follow_symlinks=False)


def fchown(fd, uid, gid):
    """Leave the owner as it is."""
    operator.index(uid), operator.index(gid)
    os.fstat(fd)


def fchmod(fd, mode):
    """Leave the mode as it is, as chmod does: files have none."""
    os.fstat(fd)


def umask(mask, /):
    """Keep the mask, which no file will meet, and return the one before."""
    before, _masks[0] = _masks[0], mask & 0o777
    return before


def waitpid(pid=-1, options=0):
    """Raise ChildProcessError, as for a process without children anywhere."""
    raise ChildProcessError(errno.ECHILD, "No child processes: " + NO_PROCESSES)


_masks = [0o022]

_ANSWERS = {
    "chown": chown, "fchown": fchown, "lchown": lchown, "fchmod": fchmod, "umask": umask,
    "getuid": getuid, "geteuid": getuid, "getgid": getuid, "getegid": getuid,
    "getppid": getppid, "getlogin": getlogin, "getgroups": getgroups, "getresuid": getresuid,
    "getresgid": getresuid, "getloadavg": getloadavg, "sched_getaffinity": sched_getaffinity,
    "get_terminal_size": get_terminal_size, "wait": waitpid, "waitpid": waitpid,
}


def attribute(name):
    """Return os.name, which os itself does not have, or raise AttributeError."""
    answer = _ANSWERS.get(name)
    if answer is None:
        raise AttributeError(_why_not(name))
    setattr(os, name, answer)
    return answer


def _why_not(name):
    plain = f"module 'os' has no attribute {name!r}"
    if name in _PROCESSES:
        return f"{plain}: {NO_PROCESSES}"
    if name in _PIPES:
        return f"{plain}: wasgi's sandbox has no pipes; hand data on in memory or in a file"
    if name in _USERS:
        return f"{plain}: wasgi's sandbox has one user, and files have no owner or mode"
    return plain
