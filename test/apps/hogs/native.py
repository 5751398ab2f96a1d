"""One call of C that takes hours. What prepares it takes moments."""

import ast
import bz2
import collections
import decimal
import difflib
import functools
import gc
import hashlib
import itertools
import json
import lzma
import math
import operator
import os
import re
import sqlite3
import sys
import unicodedata
import zlib


def forever(call):
    while True:
        call()


def doubled(depth):
    """A tuple of 2**depth leaves in depth tuples."""
    value = ()
    for _ in range(depth):
        value = (value, value)
    return value


def regex():
    re.match("(a+)+$", "a" * 60 + "b")


def regex_search():
    re.search("(.*)*x", "a" * 100_000)


def power():
    10**10_000_000


def power_modulo():
    pow(3, 1 << 300_000, (1 << 300_000) + 1)


def digits():
    sys.set_int_max_str_digits(0)
    str(1 << 8_000_000)


def number():
    sys.set_int_max_str_digits(0)
    int("7" * 4_000_000)


def factorial():
    math.factorial(1_000_000)


def sort():
    data = list(os.urandom(4_000_000))
    forever(lambda: sorted(data))


def sort_key():
    sorted(os.urandom(4_000_000), key=lambda n: -n)


def sort_compare():
    class Key:
        def __lt__(self, other):
            return False

    sorted(map(lambda _: Key(), range(100_000)), key=functools.cmp_to_key(lambda a, b: 0))
    forever(lambda: sorted([Key()] * 100_000))


def total():
    sum(range(10**12))


def largest():
    max(iter(int, 1))


def contains():
    1 in itertools.repeat(0)


def exhaust():
    collections.deque(itertools.product(range(100), repeat=10), maxlen=0)


def permutations():
    collections.deque(itertools.permutations(range(100)), maxlen=0)


def translate():
    data, table = bytes(32 << 20), bytes(reversed(range(256)))
    forever(lambda: data.translate(table))


def replace():
    data = "a" * 10_000_000
    forever(lambda: data.replace("a", "bb"))


def split():
    data = " " * 2_000_000
    forever(lambda: data.split(" "))


def join():
    parts = ["x"] * 4_000_000
    forever(lambda: "".join(parts))


def find():
    haystack = ("a" * 1000 + "b") * 10_000
    forever(lambda: haystack.count("a" * 500 + "b" + "a" * 1000))


def repeat():
    data = bytearray(1 << 24)
    forever(lambda: data * 2)


def fill():
    data, zeros = bytearray(32 << 20), bytes(32 << 20)
    while True:
        data[:] = zeros


def reverse():
    data = list(range(1_000_000))
    forever(data.reverse)


def index():
    data = [0] * 4_000_000
    forever(lambda: data.count(1))


def pad():
    forever(lambda: format(1, "10000000"))


def encode():
    text = "\u20ac" * 5_000_000
    forever(text.encode)


def normalize():
    text = "a" + "\u0300\u0316" * 500_000
    forever(lambda: unicodedata.normalize("NFC", text))


def deflate():
    data = os.urandom(1 << 20) * 16
    forever(lambda: zlib.compress(data, 9))


def inflate():
    packed = zlib.compress(bytes(40 << 20), 1)
    forever(lambda: zlib.decompress(packed))


def bzip():
    data = os.urandom(1 << 20) * 16
    forever(lambda: bz2.compress(data))


def xz():
    data = os.urandom(1 << 20) * 16
    forever(lambda: lzma.compress(data, preset=1))


def checksum():
    data = bytes(64 << 20)
    forever(lambda: zlib.crc32(data))


def digest():
    data = bytes(64 << 20)
    forever(lambda: hashlib.sha256(data))


def derive_key():
    hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2**31 - 1)


def dump():
    data = [[0] * 1000] * 10_000
    forever(lambda: json.dumps(data))


def load():
    text = "[" + "[1,2,3]," * 1_000_000 + "0]"
    forever(lambda: json.loads(text))


def query():
    sqlite3.connect(":memory:").execute(
        "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"
    ).fetchone()


def square_root():
    decimal.getcontext().prec = 5_000_000
    decimal.Decimal(2).sqrt()


def exponential():
    decimal.getcontext().prec = 200_000
    decimal.Decimal(2).exp()


def difference():
    difflib.SequenceMatcher(None, os.urandom(20_000), os.urandom(20_000), autojunk=False).ratio()


def hashing():
    hash(doubled(100))


def equality():
    doubled(100) == doubled(100)


def collisions():
    dict.fromkeys(n * sys.hash_info.modulus for n in range(1_000_000))


def reduction():
    functools.reduce(operator.add, itertools.repeat(1))


def collecting():
    kept = [[] for _ in range(20_000)]
    forever(gc.collect)
    return kept


def compiling():
    compile("a = b + c * d\n" * 200_000, "hog", "exec")


def parsing():
    ast.literal_eval("[" + "1, " * 500_000 + "]")


def iterating():
    for _ in zip(itertools.repeat(1), map(abs, itertools.count()), itertools.cycle("ab")):
        pass
