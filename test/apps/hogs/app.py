"""Requests that use all there is: /loops/forever calls forever of loops.py, / is a good one."""

from importlib import import_module


def application(environ, start_response):
    _, family, *name = environ["PATH_INFO"].split("/")
    body = [b"a good request\n"]
    if name:
        hog = getattr(import_module(family), name[0].replace("-", "_"))
        body = hog() or [b"the hog has come to its end\n"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return body
