"""Turns the exception that ended a call into the text for the tenant's log."""

import traceback

from wasgi._load import EntryError

LONGEST = 64 * 1024


def describe(exception):
    """Return the traceback of exception, without the frames of the server's own code."""
    if isinstance(exception, EntryError):
        return str(exception)
    trace = exception.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(exception), exception, trace)).rstrip()
    if len(text) > LONGEST:
        text = text[: LONGEST // 2] + "\n  …\n" + text[-LONGEST // 2 :]
    return text.encode("utf-8", "backslashreplace").decode()


def _is_ours(filename):
    return "/wasgi/_" in filename or filename.startswith("<frozen importlib")
