"""environ["wsgi.file_wrapper"]: a file as a body. PEP 3333, "Optional Platform-Specific File Handling"."""

import io


class FileWrapper:
    """The blocks of a file from where it stands, read by filelike.read(blksize).

    Where an app returns one as its body, and its file is one that the server can read
    itself, the server does: see plain.
    """

    def __init__(self, filelike, blksize=8192):
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self):
        return self

    def __next__(self):
        block = self.filelike.read(self.blksize)
        if block:
            return block
        raise StopIteration


def plain(wrapper):
    """Return descriptor and offset of a file whose bytes are what read() would return, else None.

    Many have a fileno() and read something else: what is unpacked, decoded, or a part.
    """
    file = wrapper.filelike
    raw = file.raw if type(file) is io.BufferedReader else file
    if type(raw) is not io.FileIO or "read" in vars(file):
        return None
    try:
        return (raw.fileno(), file.tell()) if raw.readable() else None
    except (OSError, ValueError):
        return None  # read() will say why
