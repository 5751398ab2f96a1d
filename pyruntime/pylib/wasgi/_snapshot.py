"""What Python code has to do where a guest's memory is copied: before, and in the copy."""

import gc
import sys

import wasgi


def prepare():
    """Import what most apps import."""


def freeze():
    """Leave nothing to collect, and nothing to write."""
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    gc.freeze()


def restored():
    """Call what the app has registered, in order."""
    for function in wasgi._restorers:
        function()
