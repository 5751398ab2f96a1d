"""anyio: to_thread.run_sync, and with it starlette's sync endpoints, run at once."""

from contextvars import copy_context

from wasgi._adapt.futures import run_apart


def adapt(module):
    """Have the asyncio backend call what it would hand to a worker thread."""
    backend = getattr(module, "AsyncIOBackend", None)
    if backend is not None:
        backend.run_sync_in_worker_thread = classmethod(_run_sync)
        return

    async def run_sync_in_worker_thread(func, *args, cancellable=False, limiter=None):
        await module.checkpoint()
        return _run(func, args)

    module.run_sync_in_worker_thread = run_sync_in_worker_thread


async def _run_sync(cls, func, args, abandon_on_cancel=False, limiter=None):
    await cls.checkpoint()
    return _run(func, args)


def _run(func, args):
    context = copy_context()
    return run_apart(lambda: context.run(func, *args))
