"""Pages from Jinja templates, sent while they are rendered."""

from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined

pages = Environment(loader=FileSystemLoader("templates"), autoescape=True, undefined=StrictUndefined)
pages.filters["shout"] = lambda text: text.upper() + "!"


def application(environ, start_response):
    name = parse_qs(environ["QUERY_STRING"]).get("name", ["world"])[0]
    template = pages.get_template("broken.html" if environ["PATH_INFO"] == "/broken" else "page.html")
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    stream = template.stream(name=name, rows=range(1000))
    stream.enable_buffering(100)
    return (block.encode() for block in stream)
