"""The bodies of responses, and what of them an app can see or do."""

import gzip
import io
import json
import os
import sys
import tempfile
import time
from urllib.parse import parse_qs

PLAIN = [("Content-Type", "text/plain")]
LARGE = "/app/large.bin"
seen = []  # what happened since it was last asked for
kept = []  # environs


def note(text):
    """Keep what happened, for what_was_seen and in the log."""
    seen.append(text)
    print("noted:", text, file=sys.stderr)


def wait(name):
    """Wait until a test has put a file of that name into /data, and take it away."""
    while not os.path.exists("/data/" + name):
        time.sleep(0.01)
    os.remove("/data/" + name)


def answer(start_response, value, headers=()):
    start_response("200 OK", [("Content-Type", "application/json"), *headers])
    return [json.dumps(value).encode()]


class Body:
    """An iterable that notes when the server closes it."""

    def __init__(self, blocks, name):
        self.blocks = iter(blocks)
        self.name = name

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        note(self.name + " closed")


# The body.


def in_turn(environ, start_response):
    start_response("200 OK", PLAIN)
    for n in range(5):
        yield b"%d" % n
        wait("go-on")


def in_turn_written(environ, start_response):
    write = start_response("200 OK", PLAIN)
    for n in range(5):
        write(b"%d" % n)
        wait("go-on")
    return []


def all_bytes(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [bytes(range(256)), b"\r\n0\r\n\r\n", bytes(reversed(range(256)))]


def no_bytes(environ, start_response):
    start_response("200 OK", PLAIN)
    return [{"str": "text", "bytearray": bytearray(b"x"), "memoryview": memoryview(b"x"), "int": 1, "none": None}[environ["QUERY_STRING"]]]


def written(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"first, ")
    write(b"")
    write(b"second, ")
    return Body([b"then", b" the iterable"], "written")


def closing(environ, start_response):
    """A body of two blocks that ends as the query says."""
    how = environ["QUERY_STRING"]

    def blocks():
        if how == "error-first":
            raise ValueError(how)
        yield b"a"
        if how == "error":
            raise ValueError(how)
        if how == "text":
            yield "str"
        if how == "cpu":
            while True:
                pass
        if how == "exit":
            sys.exit()
        if how == "endless" or how == "length":
            while True:
                yield b"x" * 10000
        yield b"b"

    if how == "no-start":
        return Body(blocks(), how)
    headers = [("Content-Length", "100000")] if how == "length" else []
    start_response("204 No Content" if how == "204" else "304 Not Modified" if how == "304" else "200 OK", headers)
    if how == "no-iterator":
        body = Body([], how)
        body.blocks = None
        body.__class__ = type("Bare", (Body,), {"__iter__": None})
        return body
    if how == "whole":
        return Body([b"whole"], how)
    return Body(blocks(), how)


class Counted(Body):
    def __init__(self, blocks, name, length):
        super().__init__(blocks, name)
        self.length = length

    def __len__(self):
        return self.length


def trusted_length(environ, start_response):
    def blocks():
        yield b"the one block"
        wait("go-on")

    start_response("200 OK", PLAIN)
    return Counted(blocks(), "trusted-length", 1)


def one_block(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"one block"]


def blocks(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"a", b"", b"bc", b"def"]


def too_much(environ, start_response):
    def more():
        yield b"12"
        yield b"3456789"
        note("asked for more")
        yield b"0"

    start_response("200 OK", [("Content-Length", "5")])
    return Body(more(), "too-much")


def too_much_written(environ, start_response):
    write = start_response("200 OK", [("Content-Length", "5")])
    write(b"12")
    try:
        write(b"3456789")
    except ValueError:
        note("raised")
    return []


def too_little(environ, start_response):
    start_response("200 OK", [("Content-Length", "10")])
    return [b"short"]


def endless(environ, start_response):
    start_response("200 OK", PLAIN)

    def ticks():
        while True:
            yield b"tick\n"

    return Body(ticks(), "endless")


def nothing(environ, start_response):
    start_response("200 OK", [("X-Nothing", "1")])
    return Body([], "nothing")


def bare(environ, start_response):
    """An answer whose status takes no body, with one."""
    start_response(environ["QUERY_STRING"].replace("+", " "), [("ETag", '"x"')])
    return Body([b"not to be ", b"sent"], "bare")


# wsgi.file_wrapper.


class Noted(io.BytesIO):
    def close(self):
        note("file closed")
        super().close()


class NotedFile(io.FileIO):
    def close(self):
        if not self.closed:
            note("file closed")
        super().close()


class OnlyRead:
    """A file with nothing but read."""

    def __init__(self, file):
        self.read = file.read


def packed():
    file = tempfile.TemporaryFile()
    with gzip.open(file, "wb") as to:
        to.write(b"unpacked " * 1000)
    file.seek(0)
    return gzip.GzipFile(fileobj=file)


def noted():
    file = open(LARGE, "rb")
    close = file.close
    file.close = lambda: (note("file closed"), close())
    return file


def half_read():
    file = open(LARGE, "rb")
    file.readline()
    return file


FILES = {
    "plain": lambda: open(LARGE, "rb"),
    "raw": lambda: open(LARGE, "rb", buffering=0),
    "noted": noted,
    "derived": lambda: io.BufferedReader(NotedFile(LARGE)),
    "half": half_read,
    "data": lambda: open("/data/large", "rb"),
    "memory": lambda: Noted(b"in memory " * 1000),
    "read": lambda: OnlyRead(io.BytesIO(b"only read " * 1000)),
    "text": lambda: open("/app/app.py"),
    "packed": packed,
    "empty": lambda: open("/dev/null", "rb"),
}


def file(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    name = query["name"][0]
    if name == "data":
        with open(LARGE, "rb") as from_, open("/data/large", "wb") as to:
            to.write(from_.read())
    f = FILES[name]()
    if "skip" in query:
        f.seek(int(query["skip"][0]))
    length = [("Content-Length", query["length"][0])] if "length" in query else []
    start_response("200 OK", PLAIN + length)
    body = environ["wsgi.file_wrapper"](f, *map(int, query.get("size", [])))
    match query.get("how", ["returned"])[0]:
        case "dropped":
            getattr(body, "close", list)()
            return [b"another body"]
        case "shouted":
            return (block.upper() for block in body)
        case "closed":
            f.close()
    return body


# Streaming.


def echo(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return Body(iter(lambda: environ["wsgi.input"].read1(65536), b""), "echo")


def swallow(environ, start_response):
    """Read a body and tell how long it was, or what ended it."""
    count = 0
    try:
        while block := environ["wsgi.input"].read(65536):
            count += len(block)
    except BaseException as e:
        note(type(e).__name__)
        raise
    return answer(start_response, count)


def slow_reader(environ, start_response):
    """Read a little, and the rest when a test says so."""
    stream = environ["wsgi.input"]
    first = len(stream.read(65536))
    print("read", first, file=environ["wsgi.errors"], flush=True)
    wait("go-on")
    while block := stream.read(65536):
        first += len(block)
    return answer(start_response, first)


def events(environ, start_response):
    def each():
        n = 0
        try:
            while True:
                yield b"data: %d\n\n" % n
                n += 1
                time.sleep(0.005)
        except BaseException as e:
            note(type(e).__name__)
            raise

    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return Body(each(), "events")


def counted(environ, start_response):
    def megabytes():
        n = 0
        while True:
            yield b"x" * (1 << 20)
            n += 1
            print("made", n, file=sys.stderr)

    start_response("200 OK", PLAIN)
    return Body(megabytes(), "counted")


def writes(environ, start_response):
    write = start_response("200 OK", PLAIN)
    try:
        while True:
            write(b"x" * 65536)
    except BaseException as e:
        note(type(e).__name__)
        raise
