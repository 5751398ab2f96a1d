"""resource: usage as far as the sandbox tells it, and limits that the server sets.

Quotas are given in the app's wasgi.toml and kept by the server. Here no limit is
known, and none can be set.
"""

import time

error = OSError
RLIM_INFINITY = -1
(RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC,
 RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS) = range(10)
RLIMIT_OFILE = RLIMIT_NOFILE
RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD = 0, -1, 1
_PAGE = 65536

_FIELDS = (
    "ru_utime", "ru_stime", "ru_maxrss", "ru_ixrss", "ru_idrss", "ru_isrss", "ru_minflt",
    "ru_majflt", "ru_nswap", "ru_inblock", "ru_oublock", "ru_msgsnd", "ru_msgrcv",
    "ru_nsignals", "ru_nvcsw", "ru_nivcsw",
)


class struct_rusage(tuple):
    """What getrusage returns: a tuple whose parts have names."""

    __slots__ = ()
    n_fields = n_sequence_fields = len(_FIELDS)


def _name_fields():
    """Give struct_rusage its fields."""
    for i, name in enumerate(_FIELDS):
        setattr(struct_rusage, name, property(lambda self, i=i: self[i]))


_name_fields()


def getrusage(who, /):
    """Return the processor time used; what is not known is 0."""
    if who not in (RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD):
        raise ValueError("invalid who parameter")
    used = 0.0 if who == RUSAGE_CHILDREN else time.process_time()
    return struct_rusage((used,) + (0,) * (len(_FIELDS) - 1))


def getrlimit(resource, /):
    """Return (RLIM_INFINITY, RLIM_INFINITY)."""
    _check(resource)
    return RLIM_INFINITY, RLIM_INFINITY


def setrlimit(resource, limits, /):
    """Raise ValueError, unless nothing would change."""
    _check(resource)
    if tuple(limits) != (RLIM_INFINITY, RLIM_INFINITY):
        raise ValueError("the limits of wasgi's sandbox are set in the app's wasgi.toml, not by it")


def _check(resource):
    if not RLIMIT_CPU <= resource <= RLIMIT_AS:
        raise ValueError("invalid resource specified")


def getpagesize():
    """Return the size of WebAssembly's pages, in bytes."""
    return _PAGE
