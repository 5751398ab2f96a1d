"""mmap, in memory of its own: a file's content is read when it is mapped.

WebAssembly has no memory that is a file. What is written to a mapping goes to the file at
once, for which the file must still be open; what comes through a memoryview goes there
when the mapping is flushed or closed. Later changes of the file are not seen.
"""

import errno
import operator
import os

ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, ACCESS_COPY = 0, 1, 2, 3
PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC = 0, 1, 2, 4
MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANON, MAP_ANONYMOUS = 1, 2, 16, 32, 32
MAP_NORESERVE, MAP_POPULATE, MAP_STACK = 16384, 32768, 131072
MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED = 0, 1, 2, 3, 4
PAGESIZE = ALLOCATIONGRANULARITY = 65536
error = OSError


class mmap:
    """Bytes that can be read like a file, sliced and changed in place."""

    def __new__(cls, fileno, length, flags=MAP_SHARED, prot=PROT_WRITE | PROT_READ,
                access=ACCESS_DEFAULT, offset=0, *, trackfd=True):
        if length < 0 or offset < 0:
            raise OverflowError("memory mapped length and offset must be positive")
        if offset % ALLOCATIONGRANULARITY:
            raise OSError(errno.EINVAL, "the offset is no multiple of ALLOCATIONGRANULARITY")
        if access not in (ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE, ACCESS_COPY):
            raise ValueError("mmap invalid access parameter.")
        self = super().__new__(cls)
        self._writable = access != ACCESS_READ and (access != 0 or bool(prot & PROT_WRITE))
        self._fd = -1
        self._position = 0
        self._offset = offset
        self._data = bytearray(length) if fileno == -1 else self._read(fileno, length)
        self._viewed = False
        if fileno != -1 and access != ACCESS_COPY and flags & MAP_SHARED and self._writable:
            self._fd = fileno
            self._file = _identity(fileno)
        return self

    def _read(self, fileno, length):
        size = os.fstat(fileno).st_size
        if length == 0:
            if self._offset >= size:
                raise ValueError("cannot mmap an empty file")
            length = size - self._offset
        elif self._offset + length > size:
            raise ValueError("mmap length is greater than file size")
        data = bytearray()
        while len(data) < length:
            block = os.pread(fileno, length - len(data), self._offset + len(data))
            if not block:
                break
            data += block
        return data

    @property
    def closed(self):
        """Whether close was called."""
        return self._data is None

    def _open(self):
        if self._data is None:
            raise ValueError("mmap closed or invalid")
        return self._data

    def _changeable(self):
        data = self._open()
        if not self._writable:
            raise TypeError("mmap can't modify a readonly memory map.")
        return data

    def __len__(self):
        return len(self._open())

    def __getitem__(self, key):
        found = self._open()[key]
        return found if isinstance(found, int) else bytes(found)

    def __setitem__(self, key, value):
        data = self._changeable()
        if isinstance(key, slice) and len(data[key]) != len(value):
            raise IndexError("mmap slice assignment is wrong size")
        data[key] = value
        self._store(0 if isinstance(key, slice) else key, len(data) if isinstance(key, slice) else 1)

    def _store(self, start, count):
        """Write bytes that were changed to the file."""
        if self._fd == -1:
            return
        if _identity(self._fd) != self._file:
            raise OSError(errno.EBADF, "the mapped file was closed, and cannot be written to any more")
        start = start % len(self._data) if self._data else 0
        view = memoryview(self._data)[start:start + count]
        while view:
            written = os.pwrite(self._fd, view, self._offset + start)
            view, start = view[written:], start + written

    def __contains__(self, item):
        return item in self._open()

    def __buffer__(self, flags):
        view = memoryview(self._open())
        self._viewed = self._writable
        return view if self._writable else view.toreadonly()

    def __enter__(self):
        self._open()
        return self

    def __exit__(self, *exception):
        self.close()

    def __iter__(self):
        return (bytes((b,)) for b in self._open())

    def close(self):
        """Let go of the memory, and write what came through views to the file."""
        if self._data is not None:
            if self._viewed:
                self.flush()
            self._data = None

    def flush(self, offset=0, size=None, /):
        """Write changes to the file."""
        data = self._open()
        if len(data):
            self._store(offset, len(data) - offset if size is None else size)

    def read(self, n=None, /):
        """Return up to n bytes from the position on."""
        data = self._open()
        end = len(data) if n is None or n < 0 else self._position + n
        block = bytes(data[self._position:end])
        self._position += len(block)
        return block

    def read_byte(self):
        """Return the byte at the position as a number."""
        block = self.read(1)
        if not block:
            raise ValueError("read byte out of range")
        return block[0]

    def readline(self):
        """Return bytes up to the end of the line."""
        end = self._open().find(b"\n", self._position)
        return self.read() if end < 0 else self.read(end + 1 - self._position)

    def write(self, bytes, /):
        """Put bytes at the position."""
        data = self._changeable()
        if self._position + len(bytes) > len(data):
            raise ValueError("data out of range")
        data[self._position:self._position + len(bytes)] = bytes
        self._store(self._position, len(bytes))
        self._position += len(bytes)
        return len(bytes)

    def write_byte(self, byte, /):
        """Put one byte, given as a number, at the position."""
        self.write(operator.index(byte).to_bytes())

    def seek(self, pos, whence=0, /):
        """Move the position, and return it."""
        base = (0, self._position, len(self._open()))
        if whence not in (0, 1, 2):
            raise ValueError("unknown seek type")
        to = base[whence] + pos
        if not 0 <= to <= len(self._data):
            raise ValueError("seek out of range")
        self._position = to
        return to

    def seekable(self):
        """Return True."""
        return True

    def tell(self):
        """Return the position."""
        self._open()
        return self._position

    def size(self):
        """Return the file's size, or the memory's where there is no file."""
        data = self._open()
        return len(data) if self._fd == -1 else os.fstat(self._fd).st_size

    def find(self, view, start=None, end=None, /):
        """Return where view first is, from the position on, or -1."""
        data = self._open()
        return data.find(view, self._position if start is None else start, end)

    def rfind(self, view, start=None, end=None, /):
        """Return where view last is, from the position on, or -1."""
        data = self._open()
        return data.rfind(view, self._position if start is None else start, end)

    def move(self, dest, src, count, /):
        """Copy count bytes from src to dest."""
        data = self._changeable()
        if min(dest, src, count) < 0 or max(dest, src) + count > len(data):
            raise ValueError("source, destination, or count out of range")
        data[dest:dest + count] = data[src:src + count]
        self._store(dest, count)

    def resize(self, newsize, /):
        """Cut or lengthen the memory, and the file."""
        data = self._changeable()
        if self._fd != -1:
            self._store(0, 0)
            os.ftruncate(self._fd, self._offset + newsize)
        del data[newsize:]
        data.extend(bytes(newsize - len(data)))

    def madvise(self, option, start=0, length=None, /):
        """Take no advice."""
        if not 0 <= start <= len(self._open()):
            raise ValueError("madvise start out of bounds")


def _identity(fd):
    """Return what tells the file of a descriptor from others, None where it is closed."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino
