"""platform: the interpreter is no file whose C library could be looked up."""

import sys


def adapt(module):
    """Have libc_ver know nothing about the interpreter."""
    look_up = module.libc_ver

    def libc_ver(executable=None, lib="", version="", chunksize=16384):
        try:
            return look_up(executable, lib, version, chunksize)
        except FileNotFoundError:
            if executable in (None, sys.executable):
                return lib, version
            raise

    libc_ver.__doc__ = look_up.__doc__
    module.libc_ver = libc_ver
