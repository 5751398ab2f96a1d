"""Semaphores for multiprocessing, which here never leave the one process."""

import errno
import time

RECURSIVE_MUTEX, SEMAPHORE = 0, 1


class SemLock:
    """A semaphore, or a lock that its holder may take again."""

    SEM_VALUE_MAX = 2**31 - 1

    def __init__(self, kind, value, maxvalue, name, unlink):
        if kind not in (RECURSIVE_MUTEX, SEMAPHORE):
            raise ValueError("unrecognized kind")
        self.kind = kind
        self.maxvalue = maxvalue
        self.name = None if unlink else name
        self.handle = id(self)
        self._value = value
        self._held = 0

    def acquire(self, block=True, timeout=None):
        """Take one; without one left, wait until timeout and return False."""
        if self.kind == RECURSIVE_MUTEX and self._held:
            self._held += 1
            return True
        if self._value == 0 and not self._wait(block, timeout):
            return False
        self._value -= 1
        self._held += 1
        return True

    @staticmethod
    def _wait(block, timeout):
        """Return False, after the time for which nobody came to release."""
        if block and timeout is None:
            raise RuntimeError(
                "this would wait for ever: wasgi's sandbox has no other process to release the lock"
            )
        if block:
            time.sleep(max(timeout, 0))
        return False

    def release(self):
        """Give one back."""
        if self.kind == RECURSIVE_MUTEX:
            if self._held == 0:
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._held > 1:
                self._held -= 1
                return
        elif self._value >= self.maxvalue:
            raise ValueError("semaphore or lock released too many times")
        self._held -= 1
        self._value += 1

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exception):
        self.release()

    def _count(self):
        """Return how often this process took it."""
        return self._held

    def _is_mine(self):
        """Tell whether this process holds it."""
        return self._held > 0

    def _get_value(self):
        """Return how many are left."""
        return self._value

    def _is_zero(self):
        """Tell whether none is left."""
        return self._value == 0

    def _after_fork(self):
        """Never called: nothing forks."""

    @classmethod
    def _rebuild(cls, *state):
        raise OSError(errno.ENOSYS, "wasgi's sandbox has no other process to share a lock with")


def sem_unlink(name, /):
    """Forget a name: semaphores have none here."""
