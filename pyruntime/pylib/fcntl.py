"""fcntl: the lock functions, which lock nothing, and constants.

Nobody else uses the files of an instance, so that a lock on them is granted as it
is. Files in /data are shared with the other instances of the app, which a lock here does
not keep out: it is granted with a warning, once.
"""

import errno
import os

F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL = 0, 1, 2, 3, 4
F_GETLK, F_SETLK, F_SETLKW = 5, 6, 7
F_DUPFD_CLOEXEC = 1030
FD_CLOEXEC = 1
F_RDLCK, F_WRLCK, F_UNLCK = 0, 1, 2
LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN = 1, 2, 4, 8
LOCK_MAND, LOCK_READ, LOCK_WRITE, LOCK_RW = 32, 64, 128, 192

_SHARED = "/data"
_warned = False


def flock(fd, operation, /):
    """Grant the lock."""
    _grant(fd, operation, "flock")


def lockf(fd, cmd, len=0, start=0, whence=0, /):
    """Grant the lock."""
    _grant(fd, cmd, "lockf")


def _grant(fd, operation, function):
    status = os.fstat(_number(fd))
    if operation & LOCK_EX and _is_shared(status):
        _warn(function)


def _number(fd):
    """Return the descriptor of a file or the number given."""
    if not isinstance(fd, int) and not hasattr(fd, "fileno"):
        raise TypeError("argument must be an int, or have a fileno() method.")
    number = fd if isinstance(fd, int) else fd.fileno()
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    return number


def _is_shared(status):
    try:
        return os.stat(_SHARED).st_dev == status.st_dev
    except OSError:
        return False


def _warn(function):
    global _warned
    if _warned:
        return
    _warned = True
    import warnings

    warnings.warn(
        f"fcntl.{function} on a file in {_SHARED} does not keep the app's other instances out in "
        "wasgi's sandbox; a SQLite database does",
        RuntimeWarning,
        stacklevel=4,
    )


def fcntl(fd, cmd, arg=0, /):
    """Answer for the flags of a descriptor and grant locks; raise OSError for the rest."""
    number = _number(fd)
    os.fstat(number)
    if cmd == F_GETFD:
        return FD_CLOEXEC
    if cmd == F_GETFL:
        return os.O_RDWR
    if cmd in (F_SETFD, F_SETFL):
        return 0
    if cmd in (F_SETLK, F_SETLKW):
        _grant(number, LOCK_EX, "fcntl")
        return arg if isinstance(arg, bytes) else 0
    raise OSError(errno.ENOSYS, f"fcntl command {cmd} does not exist in wasgi's sandbox")


def ioctl(fd, request, arg=0, mutate_flag=True, /):
    """Raise OSError: there are no devices."""
    os.fstat(_number(fd))
    raise OSError(errno.ENOTTY, "wasgi's sandbox has no devices and no ioctl")
