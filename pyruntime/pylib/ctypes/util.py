"""Finds no library, because there are none."""


def find_library(name):
    """Return None."""
    return None


def find_msvcrt():
    """Return None."""
    return None


def dllist():
    """Return no libraries."""
    return []
