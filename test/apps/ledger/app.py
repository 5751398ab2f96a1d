"""A ledger in SQLite that all instances write at once, and that some die writing."""

import json
import os
import sqlite3
import time
from urllib.parse import parse_qs

db = sqlite3.connect("/data/ledger.sqlite3", timeout=5)
db.execute("PRAGMA cache_size = 10")  # pages: a large transaction reaches the file before it ends
db.executescript("""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS total (n INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS entry (name TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS ballast (bytes BLOB NOT NULL);
    INSERT INTO total SELECT 0 WHERE NOT EXISTS (SELECT * FROM total);
    COMMIT;
""")


def enter(name):
    """One transaction; how long it took, waiting for the others included."""
    begun = time.monotonic()
    with db:
        db.execute("UPDATE total SET n = n + 1")
        db.execute("INSERT INTO entry VALUES (?)", (name,))
    return time.monotonic() - begun


def write(name, count):
    return {"longest": max(enter(f"{name}.{i}") for i in range(int(count)))}


def die(how):
    """Ends the process when half a transaction is in the file."""
    db.execute("BEGIN IMMEDIATE")  # what others left half done is undone now
    before = os.stat("/data/ledger.sqlite3").st_size
    db.execute("UPDATE total SET n = n + 1000000")
    db.execute("INSERT INTO entry VALUES ('of the dead')")
    db.executemany("INSERT INTO ballast VALUES (zeroblob(4000))", [()] * 40)
    if os.stat("/data/ledger.sqlite3").st_size == before:
        db.rollback()
        return {"error": "nothing reached the file"}
    if how == "abort":
        os.abort()
    os._exit(1)


def read():
    """What must be the same number, read at one moment."""
    n, entries, names = db.execute(
        "SELECT (SELECT n FROM total), (SELECT count(*) FROM entry), (SELECT count(DISTINCT name) FROM entry)"
    ).fetchone()
    return {"total": n, "entries": entries, "names": names}


def check():
    return {"integrity": db.execute("PRAGMA integrity_check").fetchone()[0]} | read()


ROUTES = {"/write": write, "/die": die, "/read": read, "/check": check}


def application(environ, start_response):
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    result = ROUTES[environ["PATH_INFO"]](**query)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(result).encode()]
