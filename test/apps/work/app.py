"""Work of all kinds, to be timed: /fib?10 does fib ten times."""

import json
import re
from html import escape
from string import Template


def integers():
    n = 0
    for i in range(20_000):
        n = (n + i * 3) & 0xFFFF
    return n


def fib(n=17):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def moved(self, other):
        return Point(self.x + other.x, self.y - other.y)

    @property
    def size(self):
        return abs(self.x) + abs(self.y)


def methods():
    point, step = Point(0, 0), Point(1, 2)
    for _ in range(2_000):
        point = point.moved(step)
        point.size
    return point.x


def dicts():
    counts, words = {}, "the quick brown fox jumps over the lazy dog and runs away".split()
    for i in range(4_000):
        word = words[i % 12] + str(i & 63)
        counts[word] = counts.get(word, 0) + 1
    return len(counts)


PATTERN = re.compile(r"(\w+)@(\w+)\.(com|org|net)|\b(\d{3})-(\d{4})\b")
LETTER = "Write to jane@example.com or john@example.org, or call 555-1234 in the morning. " * 20


def regexes():
    return len(PATTERN.findall(LETTER)) + len(PATTERN.sub(r"<\1>", LETTER))


DOCUMENT = {"people": [{"name": f"Person {i}", "age": i % 90, "tags": ["a", "b", "c"], "height": i / 7} for i in range(100)]}


def documents():
    return len(json.loads(json.dumps(DOCUMENT))["people"])


NUMBERS = [(i * 7919) % 10_007 for i in range(4_000)]


def sorting():
    return sorted(NUMBERS, key=lambda n: (n % 100, n))[0]


def formatting():
    return len("\n".join([f"{i:05d} {i / 3:.3f} {'even' if i % 2 == 0 else 'odd'}" for i in range(2_000)]))


ROW = Template("<tr><td>$name</td><td>$age</td></tr>")


def templates():
    return len("".join(ROW.substitute(name=escape(person["name"]), age=person["age"]) for person in DOCUMENT["people"]))


def generators():
    def numbers():
        for i in range(5_000):
            yield i

    def odd(source):
        for i in source:
            if i & 1:
                yield i * i

    return sum(odd(numbers()))


def exceptions():
    caught = 0
    for i in range(3_000):
        try:
            if i % 3 == 0:
                raise KeyError(i)
        except KeyError:
            caught += 1
    return caught


def strings():
    text = LETTER
    for _ in range(20):
        text = text.upper().lower().replace("e", "3").replace("3", "e").strip()
        text = " ".join(text.split())
    return len(text)


def application(environ, start_response):
    work = globals()[environ["PATH_INFO"].strip("/")]
    for _ in range(int(environ["QUERY_STRING"])):
        result = work()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(result).encode()]
