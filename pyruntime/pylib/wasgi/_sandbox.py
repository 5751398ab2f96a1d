"""What differs between this sandbox and a machine, put in place when Python starts.

A guest is one thread in one process without a network. Code that needs more must
hear so in words it understands, and code that merely could use more must run. All of
it waits until it is needed: the modules that have to change are changed when somebody
imports them (wasgi._adapt), names that os lacks are explained when somebody asks, and
what no import finds is looked into last. Starting costs a few assignments.
"""

import sys
from importlib import _bootstrap_external as _external
from importlib import import_module as _import_module

NO_THREADS = (
    "can't start new thread: wasgi's sandbox runs one thread per instance; call the "
    "function itself, or use concurrent.futures.ThreadPoolExecutor or asyncio.to_thread, "
    "which run it at once, and leave parallel requests to the server"
)
NO_PROCESSES = (
    "wasgi's sandbox has no processes but this one: call Python code as a function, and run "
    "other programs outside of wasgi"
)
NO_SOCKETS = (
    "wasgi's sandbox has no network yet: the app cannot open sockets; it is served requests "
    "through WSGI, and keeps data in /data"
)

# The modules to change after their import, and who does it: a module of wasgi._adapt.
ADAPTED = {
    "anyio._backends._asyncio": "anyio",
    "asgiref.current_thread_executor": "asgiref",
    "asyncio.base_events": "asyncio",
    "asyncio.selector_events": "asyncio",
    "asyncio.unix_events": "asyncio",
    "concurrent.futures.process": "futures",
    "concurrent.futures.thread": "futures",
    "multiprocessing.connection": "multiprocessing",
    "multiprocessing.process": "multiprocessing",
    "platform": "platform",
    "signal": "signal",
    "socket": "socket",
    "subprocess": "subprocess",
}


class _AdaptingFinder:
    """Finds the modules of ADAPTED where they are, and has them changed once they ran."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        adapter = ADAPTED.get(name)
        if adapter is None:
            return None
        spec = _external.PathFinder.find_spec(name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            _adapt_after_exec(spec.loader, adapter)
        return spec


def _adapt_after_exec(loader, adapter):
    """Shadow exec_module on this loader alone: its type, and what else it does, stay."""
    execute = loader.exec_module

    def exec_module(module):
        execute(module)
        _import_module("wasgi._adapt." + adapter).adapt(module)

    loader.exec_module = exec_module


class _ExplainingFinder:
    """Comes last, for a name nobody found: is it machine code, or left out on purpose?"""

    @staticmethod
    def find_spec(name, path=None, target=None):
        return _import_module("wasgi._absent").find_spec(name, path)


def _start_thread(*args, **kwargs):
    raise RuntimeError(NO_THREADS)


def _find_no_machine_code():
    """Take modules in machine code out of the search, so that a .py beside is found.

    Folders that were searched when Python started have a finder already.
    """
    loaders = [
        (_external.SourceFileLoader, _external.SOURCE_SUFFIXES),
        (_external.SourcelessFileLoader, _external.BYTECODE_SUFFIXES),
    ]
    sys.path_hooks[-1] = _external.FileFinder.path_hook(*loaders)
    code = _external.ExtensionFileLoader
    for finder in sys.path_importer_cache.values():
        if type(finder) is _external.FileFinder:
            finder._loaders = [found for found in finder._loaders if found[1] is not code]


def _os_attribute(name):
    return _import_module("wasgi._adapt.os").attribute(name)


def install():
    """Make the differences known to the interpreter."""
    import _thread
    import os

    _thread.start_new_thread = _thread.start_new = _start_thread
    _thread.start_joinable_thread = _start_thread
    os.__getattr__ = _os_attribute
    _find_no_machine_code()
    sys.meta_path.insert(0, _AdaptingFinder)
    sys.meta_path.append(_ExplainingFinder)
