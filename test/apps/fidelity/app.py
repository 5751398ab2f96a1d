"""Runs pieces of Python, and tells what each printed or raised."""

import contextlib
import io
import json
import sys


def run(code):
    """Return what code printed, and at its end the exception it raised."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(code, {"__name__": "case"})
        except BaseException as e:
            print(f"{type(e).__name__}: {e}")
    return out.getvalue()


def application(environ, start_response):
    """Answer a JSON list of pieces with the list of what they told."""
    codes = json.load(environ["wsgi.input"])
    body = json.dumps([run(code) for code in codes]).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]


if __name__ == "__main__":
    print(json.dumps([run(code) for code in json.load(sys.stdin)]))
