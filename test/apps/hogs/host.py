"""Calls of the host, over and over, and large ones."""

import os
import time


def forever(call):
    while True:
        call()


def entropy():
    forever(lambda: os.urandom(1))


def much_entropy():
    forever(lambda: os.urandom(40_000_000))


def too_much_entropy():
    os.urandom(10**9)


def stat():
    forever(lambda: os.stat("/app/app.py"))


def stat_missing():
    name = "/app/" + "missing/" * 100

    def missing():
        try:
            os.stat(name)
        except OSError:
            pass

    forever(missing)


def listing():
    forever(lambda: os.listdir("/usr/lib/python3.13"))


def walking():
    forever(lambda: list(os.walk("/usr/lib/python3.13")))


def reading():
    def read():
        with open("/usr/lib/python3.13/os.py", "rb") as file:
            file.read()

    forever(read)


def reading_much():
    with open("/tmp/zeros", "wb") as file:
        file.write(bytes(1_000_000))
    with open("/tmp/zeros", "rb", buffering=0) as file:
        while True:
            file.seek(0)
            file.readinto(bytearray(1_000_000))


def clock():
    forever(time.time)


def cpu_clock():
    forever(time.process_time)


def limits():
    """Asks over and over what is left of its limits."""
    import wasgi

    forever(lambda: dict(wasgi.limits))


def keys():
    import hashlib

    forever(lambda: hashlib.pbkdf2_hmac("sha512", b"password", b"salt", 9_999))


def scrypt():
    import hashlib

    forever(lambda: hashlib.scrypt(b"password", salt=b"salt", n=1 << 14, r=8, p=1))


def writing():
    with open("/tmp/one", "wb", buffering=0) as file:
        while True:
            file.seek(0)
            file.write(b"x")
