"""Loops that catch whatever would end them."""

import contextlib
import sys
import weakref


def forever():
    while True:
        pass


def base_exception():
    while True:
        try:
            forever()
        except BaseException:
            pass


def bare():
    while True:
        try:
            forever()
        except:
            continue


def finally_loop():
    try:
        forever()
    finally:
        forever()


def finally_continue():
    while True:
        try:
            forever()
        finally:
            continue


def context_exit():
    class Context:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return True

    while True:
        with Context():
            forever()


def context_loop():
    class Context:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            forever()

    with Context():
        forever()


def suppress():
    while True:
        with contextlib.suppress(BaseException):
            forever()


def handler():
    try:
        forever()
    except BaseException:
        forever()


def recursive():
    try:
        forever()
    except BaseException:
        recursive()


def destructor():
    class Hog:
        def __del__(self):
            forever()

    while True:
        Hog()


def generator_close():
    def stubborn():
        while True:
            try:
                yield
            except BaseException:
                forever()

    kept = stubborn()
    next(kept)
    kept.close()


def generator_dropped():
    def stubborn():
        try:
            yield
        finally:
            forever()

    while True:
        next(stubborn())


def unraisable():
    sys.unraisablehook = lambda _: forever()
    destructor()


def weak():
    class Thing:
        pass

    while True:
        thing = Thing()
        weak = weakref.ref(thing, lambda _: forever())
        del thing
        weak()


def own_text():
    """What reports the exception is the server; the text is the app's."""

    class Endless(Exception):
        def __str__(self):
            forever()

        __repr__ = __str__

    raise Endless


def own_cause():
    class Endless(Exception):
        @property
        def __cause__(self):
            forever()

    raise Endless


def excepthook():
    sys.excepthook = lambda *_: forever()
    raise ValueError


def body():
    while True:
        try:
            yield b""
            forever()
        except BaseException:
            pass


def body_close():
    class Body:
        def __iter__(self):
            forever()

        def close(self):
            base_exception()

    return Body()


def sort_key():
    def key(_):
        try:
            forever()
        except BaseException:
            return 0

    sorted(range(1_000_000), key=key)


def lookup():
    class Key:
        def __hash__(self):
            return 1

        def __eq__(self, other):
            try:
                forever()
            except BaseException:
                return False

    while True:
        {Key(): 1, Key(): 2}
