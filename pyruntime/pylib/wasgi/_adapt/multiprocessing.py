"""multiprocessing: locks work, as in a process that never forks; processes and pipes do not."""

import errno

from wasgi._sandbox import NO_PROCESSES


def adapt(module):
    """Change multiprocessing.process or multiprocessing.connection."""
    if module.__name__ == "multiprocessing.process":
        module.BaseProcess.start = _start
    else:
        module.Pipe = _pipe


def _start(self):
    raise OSError(errno.ENOSYS, f"cannot start process {self.name!r}: {NO_PROCESSES}")


def _pipe(duplex=True):
    raise OSError(
        errno.ENOSYS,
        f"multiprocessing cannot make a pipe or queue: {NO_PROCESSES}; use queue.Queue within "
        "this one",
    )
