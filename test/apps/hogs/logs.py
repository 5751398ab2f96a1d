"""Writes to the log without an end."""

import logging
import os
import sys


def lines():
    while True:
        print("a line of the flood")


def long_lines():
    text = "x" * (1 << 20)
    while True:
        print(text)


def no_lines():
    while True:
        sys.stdout.write("x" * 1000)


def empty_lines():
    text = "\n" * 100_000
    while True:
        sys.stdout.write(text)


def standard_error():
    while True:
        print("a line of the flood", file=sys.stderr)


def descriptors():
    while True:
        os.write(1, b"x\n")
        os.write(2, b"\0\xff\n")


def records():
    while True:
        logging.warning("a record of the flood")


def tracebacks():
    """A traceback of megabytes."""
    raise ValueError("x" * (50 << 20))


def groups():
    error = ValueError("one of the flood")
    for _ in range(100):
        error = ExceptionGroup("both", [error, error])
    raise error
