"""Explains an import that found nothing: machine code, or a module left out on purpose."""

import os
import sys
from importlib.machinery import ModuleSpec

_STDLIB = "/usr/lib/python3"

_LEFT_OUT = {
    "curses": "wasgi's sandbox has no terminal",
    "readline": "wasgi's sandbox has no terminal",
    "tkinter": "wasgi's sandbox has no display",
    "turtle": "wasgi's sandbox has no display",
    "idlelib": "wasgi's sandbox has no display",
    "ensurepip": "packages are installed outside, into the app's folder",
    "venv": "packages are installed outside, into the app's folder",
    "pip": "packages are installed outside, into the app's folder",
    "lib2to3": "Python 3.13 has it no more",
    "_curses": "wasgi's sandbox has no terminal",
    "_tkinter": "wasgi's sandbox has no display",
    "_gdbm": "wasgi's Python is built without it; use dbm.sqlite3",
    "_dbm": "wasgi's Python is built without it; use dbm.sqlite3",
    "_posixshmem": "wasgi's sandbox has no other process to share memory with",
}


def find_spec(name, path):
    """Return a spec whose import raises the explanation, or None where there is none."""
    text = _LEFT_OUT.get(name)
    if text is not None:
        return ModuleSpec(name, _Refusing(ModuleNotFoundError, f"No module named {name!r}: {text}"))
    file = _machine_code(name.rpartition(".")[2], sys.path if path is None else path)
    if file is None:
        return None
    return ModuleSpec(name, _Refusing(ImportError, _explain(name, file), file), origin=file)


class _Refusing:
    """A loader that raises what there is to say. Looking for the spec raises nothing."""

    def __init__(self, error, text, file=None):
        self.error = error
        self.text = text
        self.file = file

    def create_module(self, spec):
        """Raise the error."""
        raise self.error(self.text, name=spec.name, path=self.file)

    def exec_module(self, module):
        """Never called: there is no module."""


def _machine_code(stem, folders):
    """Return the first file in folders that is the module in machine code, or None."""
    for folder in folders:
        if not isinstance(folder, str) or folder.startswith(_STDLIB):
            continue
        try:
            files = os.listdir(folder or ".")
        except OSError:
            continue
        for file in files:
            if file.startswith(stem + ".") and file.endswith((".so", ".pyd")):
                return os.path.join(folder, file)
    return None


def _explain(name, file):
    package = _distribution(file)
    origin = f"of the package {package}, " if package else ""
    return (
        f"cannot import {name!r}: {file} {origin}is compiled for another machine, and wasgi's "
        "sandbox runs Python code only; use a version of the package in pure Python, or "
        "another package"
    )


def _distribution(file):
    """Return "name version" of the distribution that file was installed from, or its top folder's name."""
    folder = os.path.dirname(file)
    parts = [os.path.basename(file)]
    while folder not in ("/", "", "/app"):
        found = _recorded(folder, "/".join(parts))
        if found:
            return found
        parts.insert(0, os.path.basename(folder))
        folder = os.path.dirname(folder)
    top = next((p for p in file.split("/")[1:-1] if p not in ("app", "site-packages")), None)
    return repr(top) if top else None


def _recorded(folder, relative):
    """Return "name version" from the .dist-info beside whose RECORD lists the file."""
    try:
        infos = [f for f in os.listdir(folder) if f.endswith(".dist-info")]
    except OSError:
        return None
    for info in infos:
        try:
            with open(os.path.join(folder, info, "RECORD"), encoding="utf-8") as record:
                listed = any(line.startswith(relative + ",") for line in record)
        except OSError:
            continue
        if listed:
            name, _, version = info.removesuffix(".dist-info").rpartition("-")
            return f"{name} {version}" if name else version
    return None
