"""Python code without an end. A function that returns something returns a response's body."""

from itertools import count


def forever():
    while True:
        pass


def counting():
    n = 0
    while True:
        n += 1


def nested():
    while True:
        for _ in range(1000):
            for _ in range(1000):
                pass


def calls():
    def leaf(a, b=2, *rest, **names):
        return a

    def chain(depth):
        return leaf(depth) if depth == 0 else chain(depth - 1)

    while True:
        chain(100)


def fib():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    return fib(90)


def generator():
    for _ in count():
        pass


def delegating():
    def inner():
        while True:
            yield

    def outer():
        yield from inner()

    for _ in outer():
        pass


def comprehension():
    return [n for n in count() if n < 0]


def raising():
    while True:
        try:
            raise ValueError
        except ValueError:
            pass


def classes():
    while True:
        type("Class", (), {})


def evaluating():
    while True:
        exec("n = 1")


def coroutine():
    async def forever():
        while True:
            await nothing()

    async def nothing():
        pass

    forever().send(None)


def attributes():
    class Proxy:
        def __getattr__(self, name):
            return getattr(self, name) if name == "never" else name

    while True:
        Proxy().name


def body():
    while True:
        yield b""


def body_of_blocks():
    while True:
        yield b"x" * 65536


def before_the_first_block():
    while True:
        pass
    yield b"never"


def closing():
    class Body:
        def __iter__(self):
            return iter([b"all of it"])

        def close(self):
            forever()

    return Body()


def length():
    class Body(list):
        def __len__(self):
            forever()

    return Body([b"all of it"])
