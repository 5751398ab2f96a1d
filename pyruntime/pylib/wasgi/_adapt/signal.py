"""signal: handlers can be set and raised, but nobody else sends signals."""

_NAMES = (
    "alarm", "setitimer", "getitimer", "pause", "pthread_kill", "pthread_sigmask",
    "sigpending", "sigwait", "sigwaitinfo", "sigtimedwait", "siginterrupt", "pidfd_send_signal",
)


def adapt(module):
    """Explain the names that signal lacks."""

    def attribute(name):
        text = f"module 'signal' has no attribute {name!r}"
        if name in _NAMES:
            text += (
                ": nobody sends signals in wasgi's sandbox; for time limits there are the "
                "server's, for timers asyncio's"
            )
        raise AttributeError(text)

    attribute.__module__ = "signal"
    module.__getattr__ = attribute
