"""Imports the app that a bundle's wasgi.toml names."""

import gc
import importlib
import os
import sys
from importlib import _bootstrap_external as _external

from wasgi import _sandbox

APP = "/app"
CACHE = "/var/cache/python"


class EntryError(Exception):
    """The entry names no app; the text says what is wrong with it."""


def load(settings):
    """Return the WSGI callable that settings, pairs of (name, value), name."""
    entry = None
    paths = []
    for name, value in settings:
        if name == "entry":
            entry = value
        elif name == "path":
            paths.append(value)
        elif name == "env":
            key, _, text = value.partition("=")
            os.environ[key] = text
        elif name == "cwd":
            os.chdir(value)
    sys.path[:0] = paths
    # An import makes much and drops little: collecting meanwhile takes a quarter of it.
    gc.disable()
    try:
        return find(entry)
    finally:
        gc.enable()


def find(entry):
    """Return what "module:callable" or "module:factory()" stands for."""
    module_name, colon, name = entry.partition(":")
    if not (colon and module_name and name):
        raise EntryError(f'want "module:callable", got {entry!r}')
    calls = name.endswith("()")
    found = importlib.import_module(module_name)
    for part in name.removesuffix("()").split("."):
        found = _attribute(found, part, entry)
    if calls:
        found = found()
    if not callable(found):
        raise EntryError(f"{entry!r} is no callable but {type(found).__name__}")
    return found


def _attribute(owner, name, entry):
    try:
        return getattr(owner, name)
    except AttributeError:
        where = getattr(owner, "__name__", type(owner).__name__)
        raise EntryError(f"{entry!r}: {where!r} has no {name!r}") from None


def cache_bundle_bytecode():
    """Keep the bytecode of the app, which is read-only, in a folder of its own.

    Every module that is imported asks twice, so the usual case is answered without the
    care for all others that the standard function takes.
    """
    standard = _external.cache_from_source
    ending = f".{sys.implementation.cache_tag}.pyc"

    def cache_from_source(path, debug_override=None, *, optimization=None):
        path = os.fspath(path)
        bundled = path.startswith(APP + "/")
        usual = debug_override is optimization is sys.pycache_prefix is None and not sys.flags.optimize
        if not (usual and path.startswith("/") and path.endswith(".py")):
            beside = standard(path, debug_override, optimization=optimization)
            return CACHE + beside.replace("/__pycache__/", "/") if bundled else beside
        head, _, tail = path.rpartition("/")
        if bundled:
            return f"{CACHE}{head}/{tail[:-3]}{ending}"
        return f"{head}/__pycache__/{tail[:-3]}{ending}"

    _external.cache_from_source = cache_from_source


cache_bundle_bytecode()
_sandbox.install()
