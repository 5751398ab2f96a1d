"""What Python code has to do where a guest's memory is copied: before, and in the copy."""

import gc
import sys

import wasgi
from _wasgi import warn

LIBRARY = ("/usr/lib/python3", "<frozen ")
PACKAGES = "/site-packages/"
APP = "/app/"

# What Python's own modules draw for themselves, and does no harm where it is the same in all
# copies: the module's file, and the function, None for all.
HARMLESS = {
    ("tempfile.py", None),  # names of files, tried until one is free
    ("uuid.py", "_random_getnode"),  # forgotten by freeze
    ("multiprocessing/process.py", None),  # a key for processes, which there are none
}

# As many are told; an app that has more will hear of them when these are gone.
MOST_WARNINGS = 20

_drawn = {}


def prepare():
    """Import what most apps import."""
    gc.disable()
    try:
        for name in PREPARED:
            __import__(name)
    finally:
        gc.enable()


PREPARED = tuple(
    """
    abc base64 bisect calendar codecs collections.abc contextlib contextvars copy dataclasses
    datetime decimal email.message email.parser email.utils enum functools gettext gzip hashlib
    heapq hmac html http.client http.cookies importlib.metadata importlib.resources inspect io
    itertools json linecache locale logging mimetypes numbers operator pathlib pickle pkgutil
    platform posixpath queue random re secrets shutil socket sqlite3 stat string struct tempfile
    textwrap threading time tokenize traceback types typing unicodedata urllib.parse
    urllib.request uuid warnings weakref zlib zoneinfo asyncio ast concurrent.futures
    """.split()
)


def drawn(function, argument):
    """Note that an app which is being imported draws randomness, and where."""
    if len(_drawn) >= MOST_WARNINGS:
        return
    what = f"{function}({'' if argument is None else argument})"
    frame = sys._getframe(1)
    package = None
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if not file.startswith(LIBRARY):
            here = f"{file.removeprefix(APP)}:{frame.f_lineno}"
            if PACKAGES not in file:
                break
            package = package or here
        elif package is None:
            if _is_harmless(file, code.co_name):
                return
            what = _called(frame) or what
        frame = frame.f_back
    place = here if frame is not None else package
    if place is not None:
        by = f" by {package}" if package not in (None, place) else ""
        _drawn.setdefault((place, what), f"{place}: {what}{by}")


def _is_harmless(file, name):
    file = file.partition("/python3")[2].partition("/")[2]
    return (file, None) in HARMLESS or (file, name) in HARMLESS


def _called(frame):
    """Return how an app would have called the function of frame, "" where it would not."""
    name = frame.f_code.co_name
    if name.startswith(("_", "<")):
        return ""
    return f"{frame.f_globals.get('__name__')}.{name}()"


def freeze():
    """Tell what was drawn, leave nothing to write, or of chance; return whether restored has work."""
    for text in _drawn.values():
        warn(
            f"{text} while the app was imported: every instance will have the same value; "
            "call it in a request, or in wasgi.after_restore"
        )
    _drawn.clear()
    _forget_node()
    sys.stdout.flush()
    sys.stderr.flush()
    return bool(wasgi._restorers)


def _forget_node():
    """Have uuid.uuid1 draw its node anew."""
    uuid = sys.modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = None


def restored():
    """Call what the app has registered, in order."""
    for function in wasgi._restorers:
        function()
