"""Ways around what is raised: hooks, signals, threads, and changes of what is not the app's."""

import asyncio
import atexit
import builtins
import gc
import signal
import sys
import threading
import warnings


def forever():
    while True:
        pass


def persist():
    while True:
        try:
            forever()
        except BaseException:
            pass


def quietly(call):
    try:
        call()
    except Exception:
        pass


def signals():
    for number in range(1, 65):
        quietly(lambda: signal.signal(number, lambda *_: forever()))
    persist()


def signal_default():
    for number in range(1, 65):
        quietly(lambda: signal.signal(number, signal.SIG_IGN))
    forever()


def alarms():
    quietly(lambda: signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001))
    persist()


def trace():
    def tracer(*_):
        persist()
        return tracer

    sys.settrace(tracer)
    forever()


def profile():
    sys.setprofile(lambda *_: persist())
    while True:
        len("")


def monitoring():
    sys.monitoring.use_tool_id(0, "hog")
    sys.monitoring.register_callback(0, sys.monitoring.events.JUMP, lambda *_: persist())
    sys.monitoring.set_events(0, sys.monitoring.events.JUMP)
    forever()


def recursion_limit():
    sys.setrecursionlimit(10**9)

    def down():
        try:
            down()
        except BaseException:
            down()

    down()


def collector():
    gc.callbacks.append(lambda *_: persist())
    while True:
        gc.collect()


def at_exit():
    atexit.register(persist)
    sys.exit()


def threads():
    def start():
        threading.Thread(target=persist).start()

    quietly(start)
    persist()


def event_loop():
    async def again():
        while True:
            await asyncio.sleep(0)

    asyncio.run(again())


def event_loop_callbacks():
    loop = asyncio.new_event_loop()

    def again():
        loop.call_soon(again)

    loop.call_soon(again)
    loop.run_forever()


def event_loop_swallowing():
    async def again():
        while True:
            try:
                await asyncio.sleep(0)
            except BaseException:
                pass

    while True:
        try:
            asyncio.run(again())
        except BaseException:
            pass


def audit():
    sys.addaudithook(lambda *_: persist())
    compile("1", "hog", "eval")


def warned():
    warnings.simplefilter("always")
    warnings.showwarning = lambda *_, **__: persist()
    warnings.warn("hog")


def display():
    sys.stdout = sys.stderr = None
    persist()


def own_exceptions():
    """Whoever raises the server's exception must not take it from here."""
    import wasgi

    for name in dir(wasgi):
        if isinstance(getattr(wasgi, name), type):
            setattr(wasgi, name, ValueError)
    persist()


def own_builtins():
    builtins.BaseException = builtins.Exception = builtins.MemoryError = ValueError
    sys.modules.clear()
    while True:
        try:
            forever()
        except:
            pass


def own_limits():
    """Raises the server's own exception before the server does."""
    import wasgi

    for name in dir(wasgi):
        error = getattr(wasgi, name)
        if isinstance(error, type) and issubclass(error, BaseException):
            try:
                raise error("cpu", "of the app's own")
            except BaseException:
                pass
    persist()


def internals():
    """Calls what the interpreter's own part of the server has, out of order."""
    import _wasgi

    while True:
        for name in dir(_wasgi):
            try:
                getattr(_wasgi, name)(b"", "", 0)
            except BaseException:
                pass
