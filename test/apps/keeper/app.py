"""Keeps what belongs to a request and uses it in a later one."""

import os

kept = {}
count = 0


def attempt(use):
    try:
        return repr(use())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


USES = {
    "/environ": lambda: kept["environ"]["QUERY_STRING"],
    "/read": lambda: kept["environ"]["wsgi.input"].read(),
    "/readline": lambda: kept["environ"]["wsgi.input"].readline(),
    "/errors": lambda: kept["environ"]["wsgi.errors"].write("from a kept stream\n"),
    "/start": lambda: kept["start"]("200 OK", [("X-Kept", "1")]),
    "/write": lambda: kept["write"](b"from a kept write"),
    "/count": lambda: (count, os.environ.get("COLOUR")),
}


def keep(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    kept.update(environ=environ, start=start_response, write=write)
    write(b"kept")
    return []


def application(environ, start_response):
    global count
    count += 1
    if environ["PATH_INFO"] == "/keep":
        return keep(environ, start_response)
    result = attempt(USES[environ["PATH_INFO"]])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [result.encode()]
