"""ctypes, as far as it goes without machine code: types, sizes and values, no libraries.

Packages declare types when they are imported and call libraries later, if at all. So
types can be declared, and simple ones hold a value; loading a library fails, and so does
everything that would need memory at an address.
"""

import os as _os
import struct as _struct
from types import GenericAlias as _GenericAlias

_REFUSAL = "wasgi's sandbox cannot run machine code: ctypes has its types, but no library can be loaded"

DEFAULT_MODE = RTLD_LOCAL = 0
RTLD_GLOBAL = 256


class ArgumentError(Exception):
    """An argument does not fit; never raised here."""


def _refuse(*args, **kwargs):
    raise OSError(_REFUSAL)


class _CData:
    """What all types are made on."""

    _size = 0

    __class_getitem__ = classmethod(_GenericAlias)

    @classmethod
    def from_param(cls, value):
        """Return the value as this type."""
        return value if isinstance(value, cls) else cls(value)

    from_address = from_buffer = from_buffer_copy = in_dll = classmethod(_refuse)


class _DataType(type):
    """The type of types: a type times a number is an array."""

    def __mul__(cls, length):
        if length < 0:
            raise ValueError("Array length must be >= 0, not {}".format(length))
        name = f"{cls.__name__}_Array_{length}"
        return _DataType(name, (Array,), {"_type_": cls, "_length_": length})

    __rmul__ = __mul__


class _SimpleCData(_CData, metaclass=_DataType):
    """A number, a character, or a pointer to text."""

    _type_ = "i"

    def __init__(self, value=None):
        self.value = self._nothing() if value is None else value

    @classmethod
    def _nothing(cls):
        if cls._type_ in "zZPO":
            return None
        return {"c": b"\0", "u": "\0", "?": False, "f": 0.0, "d": 0.0}.get(cls._type_, 0)

    @property
    def value(self):
        """The value, in Python's terms."""
        return self._value

    @value.setter
    def value(self, value):
        code = self._type_
        if code in _INTEGERS:
            bits = 8 * _struct.calcsize(code)
            value = int(value) & ((1 << bits) - 1)
            if code.islower() and value >> (bits - 1):
                value -= 1 << bits
        elif code in "fd":
            value = _struct.unpack(code, _struct.pack(code, value))[0]
        elif code == "?":
            value = bool(value)
        self._value = value

    def __repr__(self):
        return f"{type(self).__name__}({self._value!r})"

    def __bool__(self):
        return bool(self._value) and self._value != b"\0"


_INTEGERS = "bBhHiIlLqQ"


def _simple(name, code):
    return _DataType(name, (_SimpleCData,), {"_type_": code, "__module__": __name__})


c_byte, c_ubyte = _simple("c_byte", "b"), _simple("c_ubyte", "B")
c_short, c_ushort = _simple("c_short", "h"), _simple("c_ushort", "H")
c_int, c_uint = _simple("c_int", "i"), _simple("c_uint", "I")
c_long, c_ulong = _simple("c_long", "l"), _simple("c_ulong", "L")
c_longlong, c_ulonglong = _simple("c_longlong", "q"), _simple("c_ulonglong", "Q")
c_float, c_double = _simple("c_float", "f"), _simple("c_double", "d")
c_longdouble = c_double
c_bool, c_char, c_wchar = _simple("c_bool", "?"), _simple("c_char", "c"), _simple("c_wchar", "u")
c_char_p, c_wchar_p = _simple("c_char_p", "z"), _simple("c_wchar_p", "Z")
c_void_p, py_object = _simple("c_void_p", "P"), _simple("py_object", "O")
c_voidp = c_void_p
c_int8, c_uint8, c_int16, c_uint16 = c_byte, c_ubyte, c_short, c_ushort
c_int32, c_uint32, c_int64, c_uint64 = c_int, c_uint, c_longlong, c_ulonglong
c_size_t, c_ssize_t, c_time_t = c_ulong, c_long, c_longlong


class Array(_CData, metaclass=_DataType):
    """Values of one type in a row."""

    _length_ = 0
    _type_ = c_int

    def __init__(self, *values):
        if len(values) > self._length_:
            raise IndexError("invalid index")
        rest = self._length_ - len(values)
        self._items = list(values) + [_plain(self._type_()) for _ in range(rest)]

    def __len__(self):
        return self._length_

    def __getitem__(self, key):
        return self._items[key]

    def __setitem__(self, key, value):
        self._items[key] = value

    def __iter__(self):
        return iter(self._items)

    @property
    def raw(self):
        """All bytes of an array of characters."""
        return b"".join(self._items)

    @property
    def value(self):
        """The text up to the zero of an array of characters."""
        empty = "" if self._type_ is c_wchar else b""
        return empty.join(self._items).partition("\0" if empty == "" else b"\0")[0]

    @value.setter
    def value(self, value):
        unit = range(len(value))
        self._items[:len(value)] = [value[i:i + 1] for i in unit]


def _plain(instance):
    """Return the value of a simple type, else the instance: so structures read their fields."""
    return instance.value if type(instance).__base__ is _SimpleCData else instance


class _Fields(_CData, metaclass=_DataType):
    """Fields with names, declared in _fields_."""

    _fields_ = ()

    def __init__(self, *values, **named):
        for base in reversed(type(self).__mro__):
            for name, kind, *_ in base.__dict__.get("_fields_", ()):
                self.__dict__[name] = _plain(kind()) if isinstance(kind, type) else None
        names = [f[0] for f in self._fields_]
        self.__dict__.update(zip(names, values), **named)


class Structure(_Fields):
    """Fields one after the other."""


class Union(_Fields):
    """Fields in the same place; here each has its own."""


BigEndianStructure = LittleEndianStructure = Structure
BigEndianUnion = LittleEndianUnion = Union


class _Pointer(_CData, metaclass=_DataType):
    """A pointer to a value that Python holds."""

    _type_ = None

    def __init__(self, contents=None):
        self.contents = contents

    def __bool__(self):
        return self.contents is not None

    def __getitem__(self, key):
        if key != 0 or self.contents is None:
            raise ValueError("NULL pointer access")
        return _plain(self.contents)


def POINTER(kind):
    """Return the type of pointers to a type."""
    if kind is None:
        return c_void_p
    name = kind if isinstance(kind, str) else kind.__name__
    return _DataType("LP_" + name, (_Pointer,), {"_type_": kind})


def pointer(instance, /):
    """Return a pointer to the instance."""
    return POINTER(type(instance))(instance)


def byref(instance, offset=0, /):
    """Return a pointer to the instance."""
    return pointer(instance)


def sizeof(kind, /):
    """Return the size of a type or an instance, in bytes."""
    kind = kind if isinstance(kind, type) else type(kind)
    if issubclass(kind, Array):
        return kind._length_ * sizeof(kind._type_)
    if issubclass(kind, _Fields):
        sizes = [sizeof(f[1]) for f in kind._fields_]
        return max(sizes, default=0) if issubclass(kind, Union) else _laid_out(kind)
    if issubclass(kind, _SimpleCData) and kind._type_ in _INTEGERS + "fd?c":
        return _struct.calcsize(kind._type_)
    return 4


def _laid_out(kind):
    """Return the size of a structure with each field where its alignment puts it."""
    end = 0
    for _, field, *_ in kind._fields_:
        end = -(-end // alignment(field)) * alignment(field) + sizeof(field)
    return -(-end // alignment(kind)) * alignment(kind)


def alignment(kind, /):
    """Return what a type's addresses are multiples of, in bytes."""
    kind = kind if isinstance(kind, type) else type(kind)
    if issubclass(kind, Array):
        return alignment(kind._type_)
    if issubclass(kind, _Fields):
        return max((alignment(f[1]) for f in kind._fields_), default=1)
    return sizeof(kind)


def create_string_buffer(init, size=None):
    """Return an array of characters, of text or of a size."""
    if isinstance(init, int):
        return (c_char * init)()
    buffer = (c_char * (len(init) + 1 if size is None else size))()
    buffer.value = init
    return buffer


def create_unicode_buffer(init, size=None):
    """Return an array of wide characters, of text or of a size."""
    if isinstance(init, int):
        return (c_wchar * init)()
    buffer = (c_wchar * (len(init) + 1 if size is None else size))()
    buffer.value = init
    return buffer


def CFUNCTYPE(restype, *argtypes, **flags):
    """Return a type of functions; a Python function of the type is itself."""

    class CFunctionType(_CFuncPtr):
        _restype_ = restype
        _argtypes_ = argtypes

    return CFunctionType


PYFUNCTYPE = CFUNCTYPE


class _CFuncPtr(_CData, metaclass=_DataType):
    """A function of Python that machine code could call."""

    def __init__(self, function=None):
        self._function = function if callable(function) else _refuse

    def __call__(self, *args):
        return self._function(*args)


class CDLL:
    """A library; there are none to load."""

    def __init__(self, name, *args, **kwargs):
        raise OSError(f"cannot load {_os.fspath(name) if name else 'the program'!r}: {_REFUSAL}")


PyDLL = CDLL


class LibraryLoader:
    """Loads libraries by name: says that it cannot."""

    __class_getitem__ = classmethod(_GenericAlias)

    def __init__(self, dlltype):
        self._dlltype = dlltype

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return self._dlltype(name)

    def LoadLibrary(self, name):
        """Raise OSError."""
        return self._dlltype(name)


class _PythonApi:
    """Python's own C interface: says that it is out of reach."""

    def __getattr__(self, name):
        raise AttributeError(f"cannot call {name}: {_REFUSAL}")


cdll = LibraryLoader(CDLL)
pydll = LibraryLoader(PyDLL)
pythonapi = _PythonApi()
_errno = 0


def get_errno():
    """Return the number set last."""
    return _errno


def set_errno(value, /):
    """Keep a number, and return the one before."""
    global _errno
    before, _errno = _errno, value
    return before


def cast(obj, typ):
    """Raise OSError."""
    _refuse()


addressof = resize = string_at = wstring_at = memmove = memset = memoryview_at = _refuse
