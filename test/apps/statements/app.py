"""What PEP 3333 says of a server, one path for each thing that an app can see or do."""

import gc
import json
import sys
import time
import weakref
from urllib.parse import parse_qs

import body
from body import PLAIN, seen, kept, note, wait, answer, Body


# The call of the app, and what it returns.


def arguments(environ, start_response, *more, **named):
    return answer(start_response, [len(more), sorted(named)])


def environ_kept(environ, start_response):
    fresh = not any(environ is other for other in kept) and "marker" not in environ
    of = type(environ) is dict
    kept.append(environ)
    body = answer(start_response, [of, fresh])
    environ.clear()
    environ["marker"] = object()
    return body


def touched(environ, start_response):
    class Watched(Body):
        def __getattribute__(self, name):
            if name not in ("blocks", "name"):
                note(name)
            return super().__getattribute__(name)

        def __getattr__(self, name):
            raise AttributeError(name)

        def __len__(self):
            return 2

    start_response("200 OK", PLAIN)
    return Watched([b"a", b"b"], "touched")


def start_in_next(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"started in next"


def start_after_empty(environ, start_response):
    yield b""
    yield b""
    start_response("200 OK", PLAIN)
    yield b""
    yield b"started after empty blocks"


# wsgi.input and wsgi.errors.


def read_input(environ, start_response):
    """Do what the query says, "read.5;readline", and tell what each returned."""
    stream = environ["wsgi.input"]
    got = []
    for step in parse_qs(environ["QUERY_STRING"], separator="&")["do"][0].split(";"):
        name, *args = step.split(".")
        method = {"iterate": lambda: list(stream), "next": stream.__next__}.get(name) or getattr(stream, name)
        value = method(*map(int, args))
        blocks = value if type(value) is list else [value]
        assert all(type(block) is bytes for block in blocks), value
        got.append([block.decode("latin-1") for block in blocks] if value is blocks else value.decode("latin-1"))
    return answer(start_response, {"got": got, "terminated": environ["wsgi.input_terminated"], "length": environ.get("CONTENT_LENGTH")})


def errors(environ, start_response):
    stream = environ["wsgi.errors"]
    stream.write("written, ")
    stream.writelines(["in ", "lines\n"])
    stream.write("žluťoučký \u2603 \U0001f40e \ud83d \x80\n")
    stream.flush()
    return answer(start_response, "told")


def alone(environ, start_response):
    """Tell how many requests are in this app at once."""
    alone.now += 1
    time.sleep(0.02)
    now = alone.now
    alone.now -= 1
    return answer(start_response, now)


alone.now = 0


# start_response.


def start_forms(environ, start_response):
    start_response("404 No", [("X-Form", "positional")], None)
    try:
        raise ValueError
    except ValueError:
        write = start_response("200 OK", [("X-Form", "by name")], exc_info=sys.exc_info())
    return [repr(write(b"written, ")).encode()]


def start_waits(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    yield b""
    print("has started", file=environ["wsgi.errors"], flush=True)
    wait("go-on")
    try:
        raise ValueError
    except ValueError:
        start_response("503 Other", [("Content-Length", "5")], sys.exc_info())
    yield b"later"


def start_twice(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("200 OK", PLAIN)
    return [b"never"]


def start_twice_after_error(environ, start_response):
    try:
        start_response("bad", PLAIN)
    except ValueError:
        start_response("200 OK", PLAIN)
    return [b"never"]


def replaced(environ, start_response):
    start_response("200 OK", [("X-Old", "1"), ("Content-Type", "text/plain"), ("Content-Length", "1"), ("Set-Cookie", "a=1")])
    try:
        raise ValueError("replaced")
    except ValueError:
        start_response("503 Later", [("Content-Type", "text/html")], sys.exc_info())
    return [b"replaced"]


def replaced_late(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b"sent"
    error = ValueError("too late")
    try:
        raise error
    except ValueError:
        try:
            start_response("503 Later", [("X-New", "1")], sys.exc_info())
        except ValueError as e:
            note("the same" if e is error else "another")
            raise


def exc_info_let_go(environ, start_response):
    class Large(Exception):
        pass

    def try_to_start():
        try:
            raise Large
        except Large as e:
            gone.append(weakref.ref(e))
            start_response("200 OK", PLAIN, sys.exc_info())

    gone = []
    gc.disable()
    try:
        try_to_start()
        early = gone[0]() is None
        yield b"early " + repr(early).encode()
        try:
            try_to_start()
        except Large:
            pass
        yield b", late " + repr(gone[1]() is None).encode()
    finally:
        gc.enable()


class Text(str):
    pass


class Headers(list):
    pass


# What start_response must refuse, by statement: status and headers, the error.
REFUSED = {
    45: [("200 OK", [("Content-Length", v)]) for v in ("five", "-1", "+5", "", "1.0", "9" * 30, "5,5", " 5")]
    + [("200 OK", [("Content-Length", "4"), ("content-length", "5")]), ("200 OK", [("X", "v" * 100)] * 600), ("200 OK", [("X", "v" * 70000)])],
    46: [(s, PLAIN) for s in (200, b"200 OK", None, "", "200", "20 OK", "2000 OK", "OK", "100 Continue", "101 Switching", "200 O\nK",
                              "200 OK\r\nX-Injected: 1", "200 O\rK", "200 O\0K", "200 O\x7fK", "200 \u212a", Text("200 OK"))],
    47: [("200 OK", h) for h in (None, tuple(PLAIN), dict(PLAIN), Headers(PLAIN), iter(PLAIN), "X: 1")],
    48: [("200 OK", [(n, "1")]) for n in ("", "X A", "X:", " X", "X\t", "X\0", "X\r\nX-Injected", "(X)", "X\xe4", "X\x7f")]
    + [("200 OK", [("X", v)]) for v in ("a\r\nX-Injected: 1", "a\nX-Injected: 1", "a\rX-Injected: 1", "a\0", "a\x1b", "\x7f", "a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")],
    49: [("200 OK", [h]) for h in ((b"X", "1"), ("X", b"1"), ("X", 1), ("X", None), ("X", "\u20ac"), ("X", "\udc80"), ("X\u20ac", "1"),
                                   ("X", Text("1")), (Text("X"), "1"), ["X", "1"], ("X",), ("X", "1", "2"), "X: 1")],
    50: [("200 OK", [(n, "x")]) for n in ("Connection", "keep-alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE",
                                         "Trailer", "Trailers", "transfer-ENCODING", "Upgrade")],
}


def refused(environ, start_response):
    """Call start_response with what it must refuse, and tell what it took."""
    taken = []
    cases = REFUSED[int(environ["QUERY_STRING"])]
    for status, headers in cases:
        try:
            raise KeyError
        except KeyError:
            try:
                start_response(status, headers, sys.exc_info())
                taken.append(repr((status, headers))[:200])
            except (TypeError, ValueError):
                pass
    try:
        raise KeyError
    except KeyError:
        start_response("200 OK", PLAIN, sys.exc_info())
    return [json.dumps({"cases": len(cases), "taken": taken}).encode()]


def injected(environ, start_response):
    """Be refused, and let the error go."""
    start_response(*REFUSED[48][int(environ["QUERY_STRING"])])
    return [b"never"]


def many_cookies(environ, start_response):
    start_response("200 OK", [("set-cookie", "a=1"), ("Set-Cookie", "b=2"), ("SERVER", "own"), ("DATE", "never"), ("content-LENGTH", "4"), ("X-a", "1"), ("x-A", "2")])
    return [b"four"]


def reason(environ, start_response):
    start_response("299 Mostly  harmless, na\xefve!", PLAIN)
    return [b"reason"]


def no_reason(environ, start_response):
    start_response("299 ", PLAIN)
    return [b"no reason"]


# Errors.


def fails(environ, start_response):
    if environ["QUERY_STRING"] == "before":
        raise ValueError("before the start")
    start_response("200 OK", PLAIN)
    if environ["QUERY_STRING"] == "after":
        raise ValueError("after the start")
    return fails_later()


def fails_later():
    yield b"the beginning"
    raise ValueError("in the middle")


def no_start(environ, start_response):
    return [b"never"]


def by_size(environ, start_response):
    """Echo the name in the query as often as it says: "name,1000"."""
    name, count = environ["QUERY_STRING"].split(",")
    environ["wsgi.input"].read(3)
    start_response("200 OK", PLAIN)
    return (name.encode() for _ in range(int(count)))


def what_was_seen(environ, start_response):
    told = list(seen)
    seen.clear()
    return answer(start_response, told)


def application(*args, **named):
    environ, start_response, *more = args
    if environ["PATH_INFO"] == "/arguments":
        return arguments(environ, start_response, *more, **named)
    name = environ["PATH_INFO"].strip("/").replace("-", "_")
    return (globals().get(name) or getattr(body, name))(environ, start_response)
