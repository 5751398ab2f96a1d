"""The names Windows has for types of C."""

import ctypes

BYTE = ctypes.c_ubyte
WORD = ATOM = LANGID = ctypes.c_ushort
DWORD = LCTYPE = LCID = COLORREF = LGRPID = ULONG = ctypes.c_ulong
CHAR, WCHAR = ctypes.c_char, ctypes.c_wchar
UINT, INT, BOOL, LONG = ctypes.c_uint, ctypes.c_int, ctypes.c_long, ctypes.c_long
USHORT, SHORT = ctypes.c_ushort, ctypes.c_short
DOUBLE, FLOAT = ctypes.c_double, ctypes.c_float
BOOLEAN = BYTE
LARGE_INTEGER = _LARGE_INTEGER = ctypes.c_longlong
ULARGE_INTEGER = _ULARGE_INTEGER = ctypes.c_ulonglong
WPARAM, LPARAM = ctypes.c_ulong, ctypes.c_long
LPSTR = LPCSTR = ctypes.c_char_p
LPWSTR = LPCWSTR = LPOLESTR = LPCOLESTR = OLESTR = ctypes.c_wchar_p
LPVOID = LPCVOID = ctypes.c_void_p
HANDLE = HWND = HMODULE = HINSTANCE = HKEY = HDC = HICON = HGLOBAL = SC_HANDLE = ctypes.c_void_p
LPDWORD = PDWORD = ctypes.POINTER(DWORD)
LPWORD = PWORD = ctypes.POINTER(WORD)
LPBOOL = PBOOL = ctypes.POINTER(BOOL)
LPHANDLE = PHANDLE = ctypes.POINTER(HANDLE)
PULONG = LPULONG = ctypes.POINTER(ULONG)


class POINT(ctypes.Structure):
    """A place on the screen."""

    _fields_ = [("x", LONG), ("y", LONG)]


class RECT(ctypes.Structure):
    """A part of the screen."""

    _fields_ = [("left", LONG), ("top", LONG), ("right", LONG), ("bottom", LONG)]


class _COORD(ctypes.Structure):
    """A place on the console."""

    _fields_ = [("X", SHORT), ("Y", SHORT)]


class SMALL_RECT(ctypes.Structure):
    """A part of the console."""

    _fields_ = [("Left", SHORT), ("Top", SHORT), ("Right", SHORT), ("Bottom", SHORT)]


SIZE = tagSIZE = POINT
