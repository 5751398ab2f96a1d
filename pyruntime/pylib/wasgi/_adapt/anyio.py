"""anyio: to_thread.run_sync, and with it starlette's sync endpoints, run at once."""

from wasgi._adapt.futures import run_apart


def adapt(module):
    """Have the asyncio backend call what it would hand to a worker thread."""

    async def run_sync_in_worker_thread(cls, func, args, abandon_on_cancel=False, limiter=None):
        await cls.checkpoint()
        return run_apart(lambda: func(*args))

    module.AsyncIOBackend.run_sync_in_worker_thread = classmethod(run_sync_in_worker_thread)
