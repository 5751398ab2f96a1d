"""concurrent.futures: what is submitted runs at once, and is done when submit returns."""

import sys

from wasgi import _INTERRUPTS


def adapt(module):
    """Change concurrent.futures.thread or concurrent.futures.process."""
    if module.__name__ == "concurrent.futures.thread":
        _adapt_threads(module)
    else:
        _adapt_processes(module)


def run_apart(work):
    """Call work as another thread would: without the event loop that runs in this one."""
    events = sys.modules.get("asyncio.events")
    loop = events and events._get_running_loop()
    if loop is None:
        return work()
    task = _leave_task(loop)
    events._set_running_loop(None)
    thread, loop._thread_id = loop._thread_id, None  # is_running is false meanwhile
    try:
        return work()
    finally:
        loop._thread_id = thread
        events._set_running_loop(loop)
        if task is not None:
            sys.modules["asyncio.tasks"]._enter_task(loop, task)


def fulfil(future, fn, args, kwargs):
    """Call fn apart, and keep in the future what it returns or raises."""
    future.set_running_or_notify_cancel()
    try:
        result = run_apart(lambda: fn(*args, **kwargs))
    except BaseException as e:
        future.set_exception(e)
        if isinstance(e, _INTERRUPTS):
            raise  # it is meant for whoever runs, not for whoever asks
    else:
        future.set_result(result)


def _leave_task(loop):
    """Take the loop's current task off it, and return the task or None."""
    tasks = sys.modules.get("asyncio.tasks")
    task = tasks and tasks.current_task(loop)
    if task is not None:
        tasks._leave_task(loop, task)
    return task


def _adapt_threads(module):
    base = module._base

    def submit(self, fn, /, *args, **kwargs):
        future = base.Future()
        _check_usable(self, module)
        _initialize(self, base)
        if self._broken:
            raise module.BrokenThreadPool(self._broken)
        fulfil(future, fn, args, kwargs)
        return future

    submit.__doc__ = base.Executor.submit.__doc__
    module.ThreadPoolExecutor.submit = submit


def _check_usable(executor, module):
    if executor._broken:
        raise module.BrokenThreadPool(executor._broken)
    if executor._shutdown:
        raise RuntimeError("cannot schedule new futures after shutdown")
    if module._shutdown:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")


def _initialize(executor, base):
    """Call the executor's initializer, the first time."""
    initializer, executor._initializer = executor._initializer, None
    if initializer is None:
        return
    try:
        initializer(*executor._initargs)
    except BaseException:
        base.LOGGER.critical("Exception in initializer:", exc_info=True)
        executor._broken = (
            "A thread initializer failed, the thread pool is not usable anymore"
        )


def _adapt_processes(module):
    import concurrent.futures.thread as threads

    class Pool(threads.ThreadPoolExecutor):
        """What a ProcessPoolExecutor works with here: this process."""

    def init(self, max_workers=None, mp_context=None, initializer=None, initargs=(), *,
             max_tasks_per_child=None):
        self._pool = Pool(max_workers, "", initializer, initargs)
        self._max_workers = self._pool._max_workers
        self._processes = None

    def submit(self, fn, /, *args, **kwargs):
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except threads.BrokenThreadPool as e:
            raise module.BrokenProcessPool(str(e)) from None

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    executor = module.ProcessPoolExecutor
    executor.__init__, executor.submit, executor.shutdown = init, submit, shutdown
