"""Tries to leave its sandbox. The request's body is Python; the answer is what came of it."""

import json

state = {}


def attempt(code):
    try:
        exec(code, state)
        return {"result": repr(state.pop("result", None))}
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)}


def application(environ, start_response):
    code = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    answer = json.dumps(attempt(code.decode())).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [answer]
