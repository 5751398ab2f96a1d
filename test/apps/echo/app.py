"""Says what the server gave it: the environ, or the body as it was read."""

import json
from urllib.parse import parse_qs


def environ_page(environ):
    return {
        "type": type(environ).__name__,
        "values": {key: value for key, value in environ.items() if type(value) is str},
        "others": {key: repr(value) for key, value in environ.items() if type(value) is not str},
    }


def read_all(stream, size):
    return [stream.read()]


def read_sizes(stream, size):
    return list(iter(lambda: stream.read(size), b""))


def read_lines(stream, size):
    return list(iter(stream.readline, b""))


def read_short_lines(stream, size):
    return list(iter(lambda: stream.readline(size), b""))


def read_all_lines(stream, size):
    return stream.readlines()


def iterate(stream, size):
    return list(stream)


def read_past_end(stream, size):
    return [stream.read(), stream.read(), stream.read(10), stream.readline(), b"".join(stream)]


def read_nothing(stream, size):
    return []


READERS = {
    "/read": read_all,
    "/sizes": read_sizes,
    "/lines": read_lines,
    "/short-lines": read_short_lines,
    "/all-lines": read_all_lines,
    "/iterate": iterate,
    "/past-end": read_past_end,
    "/nothing": read_nothing,
}


def body_page(environ):
    size = int(parse_qs(environ["QUERY_STRING"]).get("size", ["7"])[0])
    blocks = READERS[environ["PATH_INFO"]](environ["wsgi.input"], size)
    assert all(type(block) is bytes for block in blocks)
    return {"blocks": [block.decode("latin-1") for block in blocks], "length": environ.get("CONTENT_LENGTH")}


def application(environ, start_response):
    page = body_page if environ["PATH_INFO"] in READERS else environ_page
    body = json.dumps(page(environ)).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
