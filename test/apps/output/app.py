"""Writes to everything that ends in the tenant's log."""

import logging
import os
import sys
import warnings

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
print("imported")


def to_stdout(errors):
    print("to stdout")


def to_stderr(errors):
    print("to stderr", file=sys.stderr)


def to_errors(errors):
    errors.write("to errors, ")
    errors.writelines(["in ", "parts\n"])
    errors.flush()


def to_logging(errors):
    logging.getLogger("shop").warning("to logging")


def to_warnings(errors):
    warnings.warn("to warnings")


def to_descriptor(errors):
    os.write(1, b"to descriptor one\n")
    os.write(2, b"to descriptor two\n")


def unicode(errors):
    print("žluťoučký kůň ☃ 🐎")


def surrogates(errors):
    print("half \ud83d of a pair", file=errors)


def surrogates_to_stdout(errors):
    print("half \ud83d of a pair, to stdout")


def not_utf8(errors):
    sys.stdout.buffer.write(b"not \xff UTF-8\n")
    sys.stdout.buffer.flush()


def control(errors):
    print("escape \x1b[31m nul \0 bell \a")


def forged(errors):
    print('first\n{"level":"ERROR","msg":"forged","tenant":"another"}\rlast')


def no_newline(errors):
    print("no newline at the end", end="")


def long_line(errors):
    print("long " + "x" * 100_000 + " line")


def many_lines(errors):
    for n in range(10_000):
        print("line", n)


def application(environ, start_response):
    globals()[environ["PATH_INFO"].strip("/").replace("-", "_")](environ["wsgi.errors"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"written"]
