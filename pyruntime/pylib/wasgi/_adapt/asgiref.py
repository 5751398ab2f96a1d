"""asgiref: what an async view hands to the thread of its caller runs at once.

async_to_sync runs its event loop in an executor and has the calling thread wait for
work meanwhile. Here both are this thread, so that nobody would ever do that work.
"""

from concurrent.futures import Future

from wasgi._adapt.futures import fulfil


def adapt(module):
    """Have CurrentThreadExecutor run what it is given."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        fulfil(future, fn, args, kwargs)
        return future

    module.CurrentThreadExecutor.submit = submit
    module.CurrentThreadExecutor._submit = submit
