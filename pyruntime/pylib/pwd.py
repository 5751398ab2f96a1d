"""The user database: /etc/passwd of the sandbox, with its one user."""

import operator

__all__ = ["getpwall", "getpwnam", "getpwuid", "struct_passwd"]


class struct_passwd(tuple):
    """A line of /etc/passwd: a tuple whose parts have names."""

    __slots__ = ()
    n_fields = n_sequence_fields = 7
    pw_name = property(lambda self: self[0], doc="user name")
    pw_passwd = property(lambda self: self[1], doc="password")
    pw_uid = property(lambda self: self[2], doc="user id")
    pw_gid = property(lambda self: self[3], doc="group id")
    pw_gecos = property(lambda self: self[4], doc="real name")
    pw_dir = property(lambda self: self[5], doc="home directory")
    pw_shell = property(lambda self: self[6], doc="shell program")


def getpwall():
    """Return all users."""
    with open("/etc/passwd", encoding="utf-8") as file:
        return [_entry(line.rstrip("\n").split(":")) for line in file]


def _entry(parts):
    name, password, uid, gid, *rest = parts
    return struct_passwd((name, password, int(uid), int(gid), *rest))


def getpwnam(name, /):
    """Return the user of that name, or raise KeyError."""
    if not isinstance(name, str):
        raise TypeError(f"getpwnam() argument must be str, not {type(name).__name__}")
    if "\0" in name:
        raise ValueError("embedded null byte")
    for entry in getpwall():
        if entry.pw_name == name:
            return entry
    raise KeyError(f"getpwnam(): name not found: {name!r}")


def getpwuid(uid, /):
    """Return the user of that number, or raise KeyError."""
    uid = operator.index(uid)
    for entry in getpwall():
        if entry.pw_uid == uid:
            return entry
    raise KeyError(f"getpwuid(): uid not found: {uid}")
