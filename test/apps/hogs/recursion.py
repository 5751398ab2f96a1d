"""Calls within calls. Much of this raises RecursionError, as it should."""

import ast
import copy
import itertools
import json
import pickle
import sys

DEPTH = 50_000
DEEPER = 500_000  # where C keeps no count


def nested(depth=DEPTH):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def function():
    function()


def function_unlimited():
    sys.setrecursionlimit(2**31 - 1)
    function()


def text():
    repr(nested())


def compare():
    nested() == nested()


def hashed():
    value = ()
    for _ in range(DEEPER):
        value = (value,)
    hash(value)


def maps():
    values = iter([1])
    for _ in range(DEEPER):
        values = map(int, values)
    next(values)


def maps_dropped():
    values = iter([1])
    for _ in range(DEEPER):
        values = map(int, values)
    del values


def chains():
    values = iter(())
    for _ in range(DEEPER):
        values = itertools.chain(values, ())
    next(values)


def types():
    value = list[int]
    for _ in range(DEPTH):
        value = list[value]
    repr(value)


def dump():
    json.dumps(nested())


def load():
    json.loads("[" * DEPTH)


def pickled():
    pickle.dumps(nested())


def copied():
    copy.deepcopy(nested(1000))


def parsed():
    ast.parse("-" * DEPTH + "1")


def parenthesised():
    compile("(" * DEPTH + ")" * DEPTH, "hog", "eval")


def attribute():
    class Self:
        def __getattr__(self, name):
            return getattr(self, name)

    Self().name


def attribute_unlimited():
    sys.setrecursionlimit(2**31 - 1)
    attribute()


def handling():
    """Doubles with each level: the call in except is made on the way out of the other."""
    try:
        handling()
    except RecursionError:
        handling()
