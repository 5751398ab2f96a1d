"""A list of things to do, in Bottle."""

from bottle import Bottle, HTTPResponse, abort, redirect, request, response, template

app = Bottle()
tasks = {}

PAGE = """<!DOCTYPE html>
<title>To do</title>
<ul>
% for number, text in tasks.items():
  <li id="task-{{number}}">{{text}}</li>
% end
</ul>
<form method="post" action="/tasks"><input name="text"><button>Add</button></form>
"""


@app.get("/")
def index():
    return template(PAGE, tasks=tasks)


@app.post("/tasks")
def add():
    text = request.forms.getunicode("text", "").strip()
    if not text:
        abort(400, "a task needs a text")
    tasks[len(tasks) + 1] = text
    redirect("/", 303)


@app.get("/tasks/<number:int>")
def show(number):
    if number not in tasks:
        abort(404, f"no task {number}")
    return {"number": number, "text": tasks[number]}


@app.put("/echo")
def echo():
    response.content_type = request.content_type
    response.set_header("X-Length", str(len(request.body.read())))
    request.body.seek(0)
    return request.body.read()


@app.get("/teapot")
def teapot():
    return HTTPResponse("short and stout", status=418)


@app.get("/hello/<name>")
def hello(name):
    response.set_cookie("name", name, secret="only a sample", path="/")
    return f"Hello, {name}!"


@app.get("/whoami")
def whoami():
    return request.get_cookie("name", "nobody", secret="only a sample")
