"""Runs one of CPython's test modules in the sandbox, and prints the outcome as JSON.

It is given to "wasgi exec -- -c", with the module's name as its argument. Further arguments
have modules run that would skip all of themselves: "sockets" says that there are sockets, to
modules that need no more of them than an event loop or a name; "capi" that there are CPython's
C modules for tests, of which each use is a skip; "subprocess" that there are processes. The result is the last line: the tests that failed, with the end of each traceback, those that were
skipped, with the reason, and the number of those that passed.
"""

import gc
import importlib
import json
import os
import sys
import types
import unittest


class Outcome(unittest.TestResult):
    """Keeps what the host wants to know, and no more: no objects of the tests."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.failed = {}
        self.missed = {}

    def _fail(self, test, error):
        text = self._exc_info_to_string(error, test)
        self.failed.setdefault(name_of(test), text[-1500:])

    def addSuccess(self, test):
        self.passed += 1

    def addError(self, test, err):
        self._fail(test, err)

    def addFailure(self, test, err):
        self._fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self._fail(test, err)

    def addSkip(self, test, reason):
        self.missed.setdefault(name_of(test), str(reason))

    def addUnexpectedSuccess(self, test):
        self.failed.setdefault(name_of(test), "it passed, though CPython expects it to fail")


def name_of(test):
    """Return Class.method, or what else says which test it is, without the module."""
    if isinstance(test, unittest.TestCase):
        text = test.id()
    else:
        text = getattr(test, "description", str(test))
    text = text.split(" (")[0] if " (" in text and not isinstance(test, unittest.TestCase) else text
    kind = type(test)
    if isinstance(test, unittest.TestCase) and hasattr(test, "test_case"):  # a subtest
        kind, text = type(test.test_case), test.test_case.id()
    return text.removeprefix(kind.__module__ + ".").removeprefix("test.")


class NoTestModule(types.ModuleType):
    """A module of CPython's for tests, written in C, that is not there."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "get_config":  # which CPython's tests ask for one thing, as they are imported
            return lambda: {"code_debug_ranges": 1}
        return NoTestFunction(f"needs {self.__name__}.{name}")


class NoTestFunction:
    """Anything of such a module: what uses it is skipped."""

    def __init__(self, text):
        self.__dict__["text"] = text

    def __call__(self, *args, **kwargs):
        raise unittest.SkipTest(self.text)

    def __getattr__(self, name):
        raise unittest.SkipTest(self.text)


def allow(support, options):
    """Do what the arguments after the module's name say."""
    if "sockets" in options:
        from test.support import socket_helper

        support.has_socket_support = socket_helper.has_gethostname = True
    if "subprocess" in options:
        support.has_subprocess_support = True
    if "capi" in options:
        for name in ("_testcapi", "_testinternalcapi", "_testlimitedcapi", "_testsinglephase"):
            sys.modules[name] = NoTestModule(name)


def load(name):
    """Return the module's tests, as unittest's loader finds them."""
    module = importlib.import_module("test." + name)
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def run(name, *options):
    """Return the outcome of the module's tests as a dict."""
    os.makedirs("/tmp/work", exist_ok=True)
    os.chdir("/tmp/work")
    from test import support

    support.verbose = 0
    support.use_resources = []
    allow(support, options)
    outcome = Outcome()
    try:
        load(name).run(outcome)
    except unittest.SkipTest as e:
        return {"whole": str(e)}
    gc.collect()
    return {"passed": outcome.passed, "failed": outcome.failed, "skipped": outcome.missed}


if __name__ == "__main__":
    result = json.dumps(run(*sys.argv[1:]))
    sys.stdout.flush()
    sys.__stdout__.write("\n" + result + "\n")
    sys.__stdout__.flush()
