"""Files without an end, in memory and on the disk. What fills the disk leaves it so."""

import itertools
import os
import sqlite3


def quietly(call):
    while True:
        try:
            call()
        except OSError:
            pass


def fill(path):
    with open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


def tmp():
    fill("/tmp/flood")


def data():
    fill("/data/flood")


def tmp_caught():
    quietly(lambda: fill("/tmp/flood"))


def data_caught():
    quietly(lambda: fill("/data/flood"))


def many(folder):
    for n in itertools.count():
        with open(f"{folder}/{n}", "w"):
            pass


def tmp_many():
    many("/tmp")


def data_many():
    many("/data")


def hole():
    with open("/tmp/hole", "wb") as file:
        file.seek(1 << 40)
        file.write(b"x")


def holes():
    with open("/data/holes", "wb", buffering=0) as file:
        for n in itertools.count(1):
            file.seek(n << 16)
            file.write(b"x")


def truncated():
    with open("/data/long", "wb") as file:
        file.truncate(1 << 40)


def folders():
    os.chdir("/tmp")
    while True:
        os.mkdir("folder")
        os.chdir("folder")


def opened():
    hoard = []
    while True:
        hoard.append(open("/tmp/same", "a"))


def churn():
    while True:
        fd = os.open("/data/churn", os.O_CREAT | os.O_RDWR)
        os.write(fd, bytes(1 << 16))
        os.fsync(fd)
        os.close(fd)
        os.rename("/data/churn", "/data/churned")
        os.remove("/data/churned")


def database():
    db = sqlite3.connect("/data/flood.db")
    db.execute("create table if not exists t (a)")
    while True:
        db.execute("insert into t values (zeroblob(10000))")


def sorting():
    """SQLite's temporary files."""
    sqlite3.connect("/tmp/sort.db").execute("with recursive n(x) as (select 1 union all select x + 1 from n) "
        "select randomblob(1000) as b from n order by b").fetchone()
