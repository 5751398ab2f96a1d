"""A plain WSGI function, and nothing else."""

from html import escape
from urllib.parse import parse_qs

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Hello</title>
<style>body {{ font: 18px/1.5 sans-serif; max-width: 36em; margin: 3em auto; }}</style>
<h1>Hello, {name}!</h1>
<p>A WSGI function of twenty lines, on a Python of its own.</p>
<form><label>Your name <input name="name"></label> <button>Greet me</button></form>
</html>
"""


def application(environ, start_response):
    if environ["PATH_INFO"] == "/plain":
        return answer(start_response, "200 OK", "text/plain", b"Hello, world!\n")
    if environ["PATH_INFO"] != "/":
        return answer(start_response, "404 Not Found", "text/plain", b"There is only one page here.\n")
    name = parse_qs(environ["QUERY_STRING"]).get("name", ["world"])[0]
    page = PAGE.format(name=escape(name))
    return answer(start_response, "200 OK", "text/html; charset=utf-8", page.encode())


def answer(start_response, status, kind, body):
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
