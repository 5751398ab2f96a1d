"""Each way to break WSGI, by the path that asks for it."""

import os
import sys
import time

PLAIN = [("Content-Type", "text/plain")]


class Text(str):
    pass


class Headers(list):
    pass


class Header(tuple):
    pass


# What is wrong with the call of start_response.
STARTS = {
    "status-int": (200, PLAIN),
    "status-bytes": (b"200 OK", PLAIN),
    "status-none": (None, PLAIN),
    "status-subclass": (Text("200 OK"), PLAIN),
    "status-no-reason": ("200", PLAIN),
    "status-words": ("all right", PLAIN),
    "status-two-digits": ("20 OK", PLAIN),
    "status-interim": ("100 Continue", PLAIN),
    "status-newline": ("200 OK\r\nX-Injected: 1", PLAIN),
    "status-nul": ("200 O\0K", PLAIN),
    "status-unicode": ("200 O\u212a", PLAIN),
    "headers-none": ("200 OK", None),
    "headers-tuple": ("200 OK", tuple(PLAIN)),
    "headers-dict": ("200 OK", dict(PLAIN)),
    "headers-subclass": ("200 OK", Headers(PLAIN)),
    "headers-generator": ("200 OK", (h for h in PLAIN)),
    "header-list": ("200 OK", [["X-A", "1"]]),
    "header-subclass": ("200 OK", [Header(("X-A", "1"))]),
    "header-single": ("200 OK", [("X-A",)]),
    "header-triple": ("200 OK", [("X-A", "1", "2")]),
    "header-string": ("200 OK", ["X-A: 1"]),
    "name-bytes": ("200 OK", [(b"X-A", "1")]),
    "name-empty": ("200 OK", [("", "1")]),
    "name-space": ("200 OK", [("X A", "1")]),
    "name-colon": ("200 OK", [("X-A:", "1")]),
    "name-newline": ("200 OK", [("X-A: 1\r\nX-Injected", "1")]),
    "name-unicode": ("200 OK", [("X-\xe4", "1")]),
    "value-int": ("200 OK", [("Content-Length", 5)]),
    "value-bytes": ("200 OK", [("X-A", b"1")]),
    "value-none": ("200 OK", [("X-A", None)]),
    "value-newline": ("200 OK", [("X-A", "1\nX-Injected: 1")]),
    "value-return": ("200 OK", [("X-A", "1\rX-Injected: 1")]),
    "value-body": ("200 OK", [("X-A", "1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")]),
    "value-nul": ("200 OK", [("X-A", "a\0b")]),
    "value-unicode": ("200 OK", [("X-A", "\u20ac")]),
    "value-surrogate": ("200 OK", [("X-A", "\udc80")]),
    "hop-connection": ("200 OK", [("Connection", "close")]),
    "hop-encoding": ("200 OK", [("transfer-encoding", "chunked")]),
    "hop-upgrade": ("200 OK", [("Upgrade", "h2c")]),
    "length-word": ("200 OK", [("Content-Length", "five")]),
    "length-negative": ("200 OK", [("Content-Length", "-1")]),
    "length-plus": ("200 OK", [("Content-Length", "+5")]),
    "length-huge": ("200 OK", [("Content-Length", "9" * 30)]),
    "length-twice": ("200 OK", [("Content-Length", "4"), ("Content-Length", "5")]),
}

# What is wrong with what the app returns.
BODIES = {
    "body-none": None,
    "body-int": 42,
    "body-str": "text",
    "body-object": object(),
    "body-ints": [1, 2],
    "body-strs": ["text"],
    "body-bytes": b"iterates as ints",
    "body-bytearrays": [bytearray(b"x")],
    "body-dict": {"a": 1},
}


def start(start_response):
    start_response("200 OK", PLAIN)


def raise_before(environ, start_response):
    raise ValueError("before start_response")


def raise_after(environ, start_response):
    start(start_response)
    raise ValueError("after start_response")


def raise_first(environ, start_response):
    start(start_response)
    raise ValueError("instead of a first block")
    yield b"never"


def raise_mid(environ, start_response):
    start(start_response)
    yield b"the beginning, "
    raise ValueError("in the middle")


def mixed(environ, start_response):
    start(start_response)
    return [b"bytes, ", "str", b"more"]


def raise_in_close(environ, start_response):
    class Body:
        def __iter__(self):
            return iter([b"all ", b"of it"])

        def close(self):
            raise ValueError("while closing")

    start(start_response)
    return Body()


def raise_in_len(environ, start_response):
    class Body(list):
        def __len__(self):
            raise ValueError("while counting")

    start(start_response)
    return Body([b"x"])


def lie_in_len(environ, start_response):
    class Body(list):
        def __len__(self):
            return 1

    start(start_response)
    return Body([b"first", b"second"])


def raise_in_iter(environ, start_response):
    class Body:
        def __iter__(self):
            raise ValueError("before iterating")

    start(start_response)
    return Body()


def no_start(environ, start_response):
    return [b"no start_response"]


def no_start_empty(environ, start_response):
    return []


def start_twice(environ, start_response):
    start(start_response)
    start(start_response)
    return [b"x"]


def start_twice_after_error(environ, start_response):
    try:
        start_response("bad", PLAIN)
    except ValueError:
        pass
    start(start_response)
    return [b"x"]


def start_without_arguments(environ, start_response):
    start_response()
    return [b"x"]


def write_str(environ, start_response):
    start_response("200 OK", PLAIN)("text")
    return []


def bad_exc_info(environ, start_response):
    start_response("500 Oh", PLAIN, ValueError("no tuple"))
    return [b"x"]


def base_exception(environ, start_response):
    class Unusual(BaseException):
        pass

    raise Unusual("no Exception")


def interrupt(environ, start_response):
    raise KeyboardInterrupt("no key was pressed")


def generator_exit(environ, start_response):
    raise GeneratorExit("nothing was closed")


def stop_iteration(environ, start_response):
    raise StopIteration("not while iterating")


def evil_exception(environ, start_response):
    class Evil(Exception):
        def __str__(self):
            raise RuntimeError("no text for you")

        __repr__ = __str__

    raise Evil


def group(environ, start_response):
    raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])


def surrogates(environ, start_response):
    raise ValueError("half of a pair \ud800 and a line\u2028end")


def sys_exit(environ, start_response):
    sys.exit(3)


def sys_exit_mid(environ, start_response):
    start(start_response)
    yield b"before the exit"
    sys.exit("leaving")


def os_exit(environ, start_response):
    os._exit(0)


def os_exit_mid(environ, start_response):
    start(start_response)
    yield b"before the exit"
    os._exit(7)


def abort(environ, start_response):
    os.abort()


def balloon(environ, start_response):
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


kept = []


def balloon_kept(environ, start_response):
    while True:
        kept.append(bytearray(1 << 20))


def balloon_of_objects(environ, start_response):
    hoard = []
    while True:
        hoard.append([hoard])


def balloon_at_once(environ, start_response):
    start(start_response)
    return [b"x" * (1 << 30)]


def balloon_of_headers(environ, start_response):
    start_response("200 OK", [("X-A", "v" * (1 << 20))] * 100)
    return [b"x"]


def sleep(environ, start_response):
    time.sleep(60)


def sleep_mid(environ, start_response):
    start(start_response)
    yield b"before the sleep"
    time.sleep(60)
    yield b"never"


def sleep_and_catch(environ, start_response):
    """Goes on whatever ends its sleep."""
    for _ in range(3):
        try:
            time.sleep(60)
        except BaseException:
            pass
    start(start_response)
    return [b"too late"]


def good(environ, start_response):
    start(start_response)
    return [b"good"]


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    if name in STARTS:
        start_response(*STARTS[name])
        return [b"never sent"]
    if name in BODIES:
        start(start_response)
        return BODIES[name]
    return globals()[name.replace("-", "_")](environ, start_response)
