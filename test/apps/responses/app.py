"""Every way to answer that PEP 3333 allows, the odd ones too."""

import io
import sys
import time

PLAIN = [("Content-Type", "text/plain")]
closed = []


class Closing:
    """An iterable that counts the calls of its close."""

    def __init__(self, blocks, name):
        self.blocks = iter(blocks)
        self.name = name

    def __iter__(self):
        return self.blocks

    def close(self):
        closed.append(self.name)


def one_block(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"one block"]


def many_blocks(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"a", b"", b"bc", b"def"]


def empty_list(environ, start_response):
    start_response("200 OK", PLAIN)
    return []


def empty_blocks(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"", b""]


def plain_bytes(environ, start_response):
    start_response("200 OK", PLAIN)
    return (b"tu", b"ple")


def stream(environ, start_response):
    start_response("200 OK", PLAIN)
    for n in range(5):
        yield b"%d\n" % n
        time.sleep(0.1)


def late_start(environ, start_response):
    yield b""
    start_response("200 OK", PLAIN)
    yield b""
    yield b"started late"


def write(environ, start_response):
    out = start_response("200 OK", PLAIN)
    out(b"written, ")
    out(b"")
    out(b"twice, ")
    return [b"and returned"]


def write_only(environ, start_response):
    start_response("200 OK", PLAIN)(b"written only")
    return []


def large(environ, start_response):
    start_response("200 OK", PLAIN)
    for _ in range(64):
        yield b"x" * 65536


def cookies(environ, start_response):
    start_response("200 OK", PLAIN + [("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-Latin", "na\xefve"), ("X-Empty", "")])
    return [b"cookies"]


def many_headers(environ, start_response):
    start_response("200 OK", PLAIN + [(f"X-{n}", "v" * 1000) for n in range(1000)])
    return [b"a megabyte of headers"]


def reason(environ, start_response):
    start_response("299 Mostly Harmless", PLAIN)
    return [b"reason"]


def no_content(environ, start_response):
    start_response("204 No Content", [])
    return [b"not to be sent"]


def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"x"')])
    return [b"not to be sent"]


def long_length(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "10")])
    return [b"short"]


def short_length(environ, start_response):
    start_response("200 OK", PLAIN + [("Content-Length", "5")])
    return Closing([b"12", b"345", b"678", b"9"], "short-length")


def replaced(environ, start_response):
    try:
        start_response("200 OK", PLAIN + [("X-Old", "1")])
        raise ValueError("replaced")
    except ValueError:
        start_response("503 Later", [("Content-Type", "text/html"), ("X-New", "1")], sys.exc_info())
    return [b"<p>later"]


def replaced_late(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"sent already"
    try:
        raise ValueError("too late to replace")
    except ValueError:
        start_response("503 Later", [], sys.exc_info())
    yield b"never"


def by_name(environ, start_response):
    start_response("200 OK", PLAIN, exc_info=None)
    return [b"by name"]


def file_wrapper(environ, start_response):
    class File(io.BytesIO):
        def close(self):
            closed.append("file-wrapper")
            super().close()

    file = File(b"skipped" + b"file" * 10000)
    file.seek(7)
    start_response("200 OK", PLAIN)
    return environ["wsgi.file_wrapper"](file, 4096)


def close_normal(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing([b"a", b"b"], "close-normal")


def close_after_error(environ, start_response):
    def blocks():
        yield b"a"
        raise ValueError("after a block")

    start_response("200 OK", PLAIN)
    return Closing(blocks(), "close-after-error")


def close_no_content(environ, start_response):
    start_response("204 No Content", [])
    return Closing([b"x"], "close-no-content")


def close_gone(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing((b"x" * 65536 for _ in range(10_000)), "close-gone")


def endless(environ, start_response):
    start_response("200 OK", PLAIN)
    while True:
        yield b"tick\n"


def show_closed(environ, start_response):
    start_response("200 OK", PLAIN)
    return [",".join(closed).encode()]


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").replace("-", "_")
    return globals()[name](environ, start_response)
