"""subprocess: starting a program fails, with its name and the reason."""

import errno

from wasgi._sandbox import NO_PROCESSES


def adapt(module):
    """Have every way to start a program raise OSError."""

    def refuse(self, args, *rest, **kwargs):
        raise OSError(errno.ENOSYS, f"cannot start {_program(args)}: {NO_PROCESSES}")

    module.Popen.__init__ = refuse


def _program(args):
    """Return the program's name for the message."""
    if isinstance(args, (str, bytes)):
        return repr(args)
    try:
        return repr(args[0])
    except (TypeError, LookupError):
        return "a program"
