"""Balloons."""

import itertools
import sqlite3
import zlib

kept = []


def block():
    return bytearray(1 << 30)


def blocks():
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


def list_growth():
    hoard = []
    while True:
        hoard.extend(range(1000))


def list_of():
    list(itertools.count())


def comprehension():
    [n for n in itertools.count()]


def string():
    text = "x"
    while True:
        text += text


def string_join():
    ",".join(itertools.repeat("x"))


def dictionary():
    hoard = {}
    for n in itertools.count():
        hoard[n] = str(n)


def objects():
    class Thing:
        def __init__(self, previous):
            self.previous = previous

    thing = None
    while True:
        thing = Thing(thing)


def pad():
    format(1, "1000000000")


def big_number():
    1 << (1 << 33)


def database():
    db = sqlite3.connect(":memory:")
    db.execute("create table t (a)")
    while True:
        db.execute("insert into t values (zeroblob(100000))")


def bomb():
    packed = zlib.compress(bytes(16 << 20), 1)
    data = b""
    while True:
        data += zlib.decompress(packed)


def response():
    return [b"x" * (1 << 30)]


def keep():
    """Goes on with the next request, if there is one in this interpreter."""
    while True:
        kept.append(bytearray(1 << 20))
