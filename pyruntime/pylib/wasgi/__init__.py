"""wasgi: what an app may ask of the server that runs it.

What is left of the app's limits is told by environ["wasgi.limits"], see Limits.

When an app goes over a limit while it runs, when nobody waits for its response any
longer, or when the server wants to end, one of the three exceptions below is raised in
the app, wherever it is: in a loop, in a call, in a long computation of Python's own. None
of them is an Exception, as KeyboardInterrupt is none, so that "except Exception" does not
stop them: an app needs to know nothing of them. One that does has a moment to say what it
has got so far, or to leave its files in order; "finally" and "with" work as ever. Where it
takes too long, the server ends the instance without a further word.
"""

from _collections_abc import Mapping as _Mapping

from _wasgi import limit_left as _left
from _wasgi import limit_names as _names


class LimitExceeded(BaseException):
    """The app is over a limit, and the request is ended.

    str() of it is like "cpu: used 510ms of CPU, may use 500ms".
    """

    def __str__(self):
        return ": ".join(map(str, self.args))

    @property
    def limit(self):
        """The limit's name as in wasgi.toml: "cpu", "timeout", "memory", …"""
        return self.args[0] if self.args else ""


class ClientGone(BaseException):
    """Nobody waits for the response: the client has closed the connection."""


class ShuttingDown(BaseException):
    """The server ends, and waits no longer for this request."""


class Limits(_Mapping):
    """What is left of the app's limits, by their names as in wasgi.toml; read-only.

    It is asked for anew each time: environ["wasgi.limits"]["cpu"] is the CPU time, in
    seconds, that the request may still use. Times are float and in seconds: "cpu",
    "cpu_share" (what the app has saved up) and "timeout". The others are int and in bytes:
    "memory", "stack", "request_body", "response_body", "tmp", "data" and "log_rate". A limit
    that the app does not have is not in it.
    """

    __slots__ = ()

    def __getitem__(self, name):
        left = _left(name)
        if left is None:
            raise KeyError(name)
        return left

    def __iter__(self):
        return (name for name in _names if _left(name) is not None)

    def __len__(self):
        return sum(1 for _ in self)

    def __repr__(self):
        return f"<wasgi.limits {dict(self)}>"


limits = Limits()


def after_restore(function):
    """Have function called, without arguments, in each instance before it serves.

    The server may load an app once, keep a copy of its memory, and make its instances from
    that. What the app has drawn or made when it was imported is then the same in all of them.
    What must differ belongs into a function that is given to after_restore:

        @wasgi.after_restore
        def _():
            global instance_id
            instance_id = uuid.uuid4()

    The functions are called in the order in which they were given, also where an instance is
    made without a copy. An exception of one ends the instance, and stands in the log. The module
    random, and every random.Random that was not seeded with a value, need none: they are
    seeded anew. It returns function, so that it can be used as a decorator.
    """
    if not callable(function):
        raise TypeError(f"after_restore needs a function, not {type(function).__name__}")
    _restorers.append(function)
    return function


_restorers = []

_INTERRUPTS = (LimitExceeded, ClientGone, ShuttingDown)
