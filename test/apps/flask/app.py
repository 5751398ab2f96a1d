"""A guest book that lives as long as its process, in Flask."""

import os
import time

from flask import Flask, abort, flash, jsonify, redirect, render_template, request, session, url_for

app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config["MAX_CONTENT_LENGTH"] = 1 << 20

entries = []


@app.get("/")
def index():
    session["visits"] = session.get("visits", 0) + 1
    return render_template("index.html", entries=entries, visits=session["visits"])


@app.post("/sign")
def sign():
    name = request.form["name"].strip()
    if not name:
        flash("A name is needed.")
        return redirect(url_for("index"))
    entries.append({"name": name, "text": request.form.get("text", "")})
    session["name"] = name
    flash(f"Thank you, {name}.")
    return redirect(url_for("index"), code=303)


@app.get("/forget")
def forget():
    session.clear()
    return redirect(url_for("index"))


@app.get("/api/entries")
def list_entries():
    return jsonify(entries)


@app.post("/api/entries")
def add_entry():
    entry = request.get_json()
    if not isinstance(entry, dict) or "name" not in entry:
        abort(422)
    entries.append({"name": str(entry["name"]), "text": str(entry.get("text", ""))})
    return entries[-1], 201


@app.post("/upload")
def upload():
    file = request.files["file"]
    data = file.read()
    return {"name": file.filename, "type": file.content_type, "bytes": len(data)}


@app.get("/count/<int:last>")
def count(last):
    def lines():
        for n in range(1, last + 1):
            yield f"{n}\n"
            time.sleep(0.01)

    return app.response_class(lines(), mimetype="text/plain")


@app.get("/broken")
def broken():
    raise RuntimeError("this page is broken on purpose")


@app.errorhandler(404)
def not_found(error):
    return render_template("missing.html"), 404
