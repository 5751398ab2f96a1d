"""Recursion without end, in Python and in each part of C that can be made to recurse."""

import ast
import copy
import functools
import itertools
import json
import pickle
import re
import sys
import xml.etree.ElementTree

DEPTH = 200_000


def nested(depth=DEPTH):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def function():
    return function()


def unlimited(recurse):
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(2**31 - 1)
    try:
        return recurse()
    finally:
        sys.setrecursionlimit(limit)


def function_unlimited():
    return unlimited(function)


def json_dump():
    return json.dumps(nested())


def json_load():
    return json.loads("[" * DEPTH)


def as_text():
    return repr(nested())


def compare():
    return nested() == nested()


def deep_copy():
    return copy.deepcopy(nested())


def pickled():
    return pickle.dumps(nested())


def unpickled():
    return pickle.loads(b"(" * DEPTH + b"t" * DEPTH + b".")


def parse():
    return ast.parse("(" * DEPTH)


def parse_operators():
    return ast.literal_eval("-" * DEPTH + "1")


def compiled():
    return eval("+".join(["1"] * DEPTH))


def attributes():
    return eval("a" + ".a" * DEPTH)


def pattern():
    return re.compile("(" * DEPTH + ")" * DEPTH)


def partial():
    f = print
    for _ in range(DEPTH):
        f = functools.partial(f, f)
    return repr(f)


def chained():
    chain = iter(())
    for _ in range(DEPTH):
        chain = itertools.chain(chain, ())
    return next(chain)


def mapped():
    values = iter([1])
    for _ in range(DEPTH):
        values = map(int, values)
    return next(values)


def instance_check():
    types = int
    for _ in range(DEPTH):
        types = (types,)
    return isinstance("", types)


def hashed():
    value = ()
    for _ in range(DEPTH):
        value = (value,)
    return hash(value)


def getattribute():
    class Self:
        def __getattr__(self, name):
            return getattr(self, name + "x")

    return Self().x


def descriptor():
    class Self:
        pass

    Self.__call__ = Self()
    return Self()()


def destructor():
    class Link:
        def __del__(self):
            self.next = None

    chain = None
    for _ in range(DEPTH // 10):
        link = Link()
        link.next, chain = chain, link
    chain = None
    return "deleted"


def deleted():
    value = nested(1_000_000)
    del value
    return "deleted"


def generators():
    def count(n):
        yield from count(n + 1)

    return next(count(0))


def generators_unlimited():
    return unlimited(generators)


def getattribute_unlimited():
    return unlimited(getattribute)


def sort_key_unlimited():
    return unlimited(sort_key)


def sort_key():
    class Key:
        def __lt__(self, other):
            return sorted([Key(), Key()])

    return sorted([Key(), Key()])


def parse_xml():
    return xml.etree.ElementTree.fromstring("<a>" * DEPTH + "</a>" * DEPTH)


def exceptions():
    error = None
    for _ in range(DEPTH // 10):
        error, cause = ValueError(), error
        error.__cause__ = cause
    raise error


def good():
    return "good"


def application(environ, start_response):
    result = str(globals()[environ["PATH_INFO"].strip("/").replace("-", "_")]())[:100]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [result.encode()]
