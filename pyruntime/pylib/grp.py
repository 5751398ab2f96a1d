"""The group database: /etc/group of the sandbox, with its one group."""

import operator

__all__ = ["getgrall", "getgrgid", "getgrnam", "struct_group"]


class struct_group(tuple):
    """A line of /etc/group: a tuple whose parts have names."""

    __slots__ = ()
    n_fields = n_sequence_fields = 4
    gr_name = property(lambda self: self[0], doc="group name")
    gr_passwd = property(lambda self: self[1], doc="password")
    gr_gid = property(lambda self: self[2], doc="group id")
    gr_mem = property(lambda self: self[3], doc="group members")


def getgrall():
    """Return all groups."""
    with open("/etc/group", encoding="utf-8") as file:
        return [_entry(line.rstrip("\n").split(":")) for line in file]


def _entry(parts):
    name, password, gid, members = parts
    return struct_group((name, password, int(gid), [m for m in members.split(",") if m]))


def getgrnam(name):
    """Return the group of that name, or raise KeyError."""
    if not isinstance(name, str):
        raise TypeError(f"getgrnam() argument must be str, not {type(name).__name__}")
    if "\0" in name:
        raise ValueError("embedded null byte")
    for entry in getgrall():
        if entry.gr_name == name:
            return entry
    raise KeyError(f"getgrnam(): name not found: {name!r}")


def getgrgid(id):
    """Return the group of that number, or raise KeyError."""
    id = operator.index(id)
    for entry in getgrall():
        if entry.gr_gid == id:
            return entry
    raise KeyError(f"getgrgid(): gid not found: {id}")
