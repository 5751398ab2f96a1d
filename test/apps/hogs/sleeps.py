"""Waits that use no CPU."""

import asyncio
import queue
import select
import sqlite3
import threading
import time


def long():
    time.sleep(1e9)


def longest():
    while True:
        time.sleep(2**31)


def short():
    while True:
        time.sleep(0)


def tenths():
    while True:
        time.sleep(0.1)


def swallowing():
    while True:
        try:
            time.sleep(1e9)
        except BaseException:
            pass


def swallowing_short():
    while True:
        try:
            time.sleep(0.001)
        except BaseException:
            pass


def selecting():
    select.select([], [], [], 1e6)


def event():
    threading.Event().wait(1e6)


def event_loop():
    asyncio.run(asyncio.sleep(1e6))


def database():
    """Waits for a lock that it has itself."""
    first, second = (sqlite3.connect("/data/locked.db", timeout=1e6) for _ in range(2))
    first.execute("begin exclusive")
    second.execute("begin exclusive")


def body():
    yield b"the beginning, "
    time.sleep(1e9)


def closing():
    try:
        yield b"all of it"
    finally:
        time.sleep(1e9)


def lock():
    """Is told at once that nobody will ever release it."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def queued():
    """Is told at once that nobody will ever put something there."""
    queue.Queue().get()
