"""Memory that is full, again and again, and goes on."""

kept = []


def caught():
    while True:
        try:
            hoard = []
            while True:
                hoard.append(bytearray(1 << 20))
        except MemoryError:
            pass


def caught_full():
    """Fills memory to the last byte and goes on so."""
    for size in (1 << 20, 1 << 12, 64, 1):
        try:
            while True:
                kept.append(bytes(size))
        except MemoryError:
            pass
    while True:
        try:
            kept.append(bytes(1 << 20))
        except MemoryError:
            pass


def breathe():
    """Grows and shrinks."""
    while True:
        hoard = [bytearray(1 << 20) for _ in range(50)]
        del hoard
