"""Turns the exception that ended a call into the text for the tenant's log."""

import wasgi
from wasgi._load import EntryError

LONGEST = 64 * 1024


def describe(exception):
    """Return the traceback of exception, without the frames of the server's own code."""
    if isinstance(exception, EntryError):
        return str(exception)
    trace = exception.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    if isinstance(exception, wasgi._INTERRUPTS):
        text = _in_a_moment(exception, trace)
    else:
        text = _in_full(exception, trace)
    if len(text) > LONGEST:
        text = text[: LONGEST // 2] + "\n  …\n" + text[-LONGEST // 2 :]
    return text.encode("utf-8", "backslashreplace").decode()


def _is_ours(filename):
    return "/wasgi/_" in filename or filename.startswith("<frozen importlib")


def _in_full(exception, trace):
    import traceback

    return "".join(traceback.format_exception(type(exception), exception, trace)).rstrip()


# How many frames of an interrupted app are told, and how many with their source.
FRAMES = 40
SOURCES = 4


def _in_a_moment(exception, trace):
    """Return what there is time for: an interrupted app is about to be ended.

    Importing traceback and what it needs would take ten times as long as all of this.
    """
    frames = []
    while trace is not None:
        frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_frame.f_code.co_name))
        trace = trace.tb_next
    lines = ["Traceback (most recent call last):"]
    if len(frames) > FRAMES:
        lines.append(f"  … {len(frames) - FRAMES} frames")
        del frames[:-FRAMES]
    for left, (file, number, name) in zip(range(len(frames), 0, -1), frames):
        lines.append(f'  File "{file}", line {number}, in {name}')
        source = _source(file, number) if left <= SOURCES else ""
        if source:
            lines.append("    " + source)
    lines.append(f"{type(exception).__module__}.{type(exception).__name__}: {exception}".removesuffix(": "))
    return "\n".join(lines)


def _source(file, number):
    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            for at, line in enumerate(lines, 1):
                if at == number:
                    return line.strip()
    except OSError:
        pass
    return ""
