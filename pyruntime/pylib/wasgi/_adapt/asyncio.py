"""asyncio: the standard event loop, without what needs a socket pair, a thread or a process.

Timers sleep in the selector's poll, like anywhere. What other threads and signals would
need, a socket to wake the loop by, is left out: there are none.
"""

import errno

from wasgi import _INTERRUPTS
from wasgi._sandbox import NO_PROCESSES, NO_SOCKETS


def adapt(module):
    """Change one of the three modules that make up the standard loop."""
    _ADAPTERS[module.__name__](module)


def _adapt_base(module):
    module.BaseEventLoop.shutdown_default_executor = _shutdown_default_executor
    module.BaseEventLoop.create_server = _create_server
    module.BaseEventLoop.subprocess_exec = _subprocess_exec
    module.BaseEventLoop.subprocess_shell = _subprocess_shell
    _end_when_interrupted(module.BaseEventLoop)


def _end_when_interrupted(loop):
    """Let out what interrupts a callback, as the loop does with KeyboardInterrupt."""
    log = loop.call_exception_handler

    def call_exception_handler(self, context):
        if "handle" in context and isinstance(context.get("exception"), _INTERRUPTS):
            raise context["exception"]
        log(self, context)

    call_exception_handler.__doc__ = log.__doc__
    loop.call_exception_handler = call_exception_handler


async def _shutdown_default_executor(self, timeout=None):
    """Shut the default executor down; nothing can still run in it."""
    self._executor_shutdown_called = True
    if self._default_executor is not None:
        self._default_executor.shutdown(wait=True)


async def _create_server(self, protocol_factory, host=None, port=None, **kwargs):
    raise OSError(errno.ENOSYS, NO_SOCKETS)


async def _subprocess_exec(self, protocol_factory, program, *args, **kwargs):
    raise OSError(errno.ENOSYS, f"cannot start {program!r}: {NO_PROCESSES}")


async def _subprocess_shell(self, protocol_factory, cmd, **kwargs):
    raise OSError(errno.ENOSYS, f"cannot start {cmd!r}: {NO_PROCESSES}")


def _adapt_selector(module):
    loop = module.BaseSelectorEventLoop
    loop._make_self_pipe = _make_self_pipe
    loop._close_self_pipe = _close_self_pipe
    loop._write_to_self = _write_to_self


def _make_self_pipe(self):
    """Make no socket pair, but keep the loop from waiting for what cannot come."""
    self._ssock = self._csock = None
    select = self._selector.select
    registered = self._selector.get_map

    def select_or_refuse(timeout=None):
        if timeout is None and not registered():
            raise RuntimeError(
                "the event loop would wait for ever: nothing is scheduled, and wasgi's sandbox "
                "has no other thread that could; a task awaits what nobody will finish"
            )
        return select(timeout)

    self._selector.select = select_or_refuse


def _close_self_pipe(self):
    """There is none."""


def _write_to_self(self):
    """Nobody but the loop itself runs, so that it never has to be woken."""


def _adapt_unix(module):
    loop = module._UnixSelectorEventLoop
    loop.add_signal_handler = _add_signal_handler


def _add_signal_handler(self, sig, callback, *args):
    """Refuse, in the way loops of other systems do that have no signals."""
    raise NotImplementedError("nobody sends signals in wasgi's sandbox")


_ADAPTERS = {
    "asyncio.base_events": _adapt_base,
    "asyncio.selector_events": _adapt_selector,
    "asyncio.unix_events": _adapt_unix,
}
