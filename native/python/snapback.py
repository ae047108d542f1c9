# SPDX-License-Identifier: EPL-2.0
"""Snapback from within: a Python program that runs under `snapback launch` or `snapback gdb` takes its own snapshots.

    import snapback

    answer = snapback.snapshot("before the experiment")
    if answer is snapback.Answer.AFTER_REWIND:
        print("here we are again")

    with snapback.disabled():
        ...  # nobody takes a snapshot here

A thin layer over libsnapback (snapback.h), by ctypes. The library is looked for beside this file, then as the loader
looks for libraries (LD_LIBRARY_PATH, /usr/lib…). Other threads run on while a call waits. Functions may be called by any
thread, but not by a signal handler.
"""
import contextlib
import ctypes
import enum
import os
import typing

__all__ = ["Answer", "Error", "Status", "disable", "disabled", "enable", "is_controlled", "snapshot", "status", "version"]

_NAME = "libsnapback.so.0"
_SAVE = 1


class Answer(enum.Enum):
    """What snapshot() has come back to."""

    WENT_ON = 1        # the snapshot has been taken, and this is the first time
    AFTER_REWIND = 2   # the program has been put back to the snapshot
    AFTER_RESTART = 3  # the program has been made anew from an image of the snapshot


class Error(OSError):
    """Why something was not done: `errno` as in snapback.h, `strerror` is one sentence."""


class Status(typing.NamedTuple):
    """The session as it is now."""

    session: str           # its name
    is_debugged: bool      # it is that of a debugger
    disabled: int          # how often snapshots are disabled, by all threads
    snapshots: int         # how many there are
    current_snapshot: int  # the number of the one that the present descends from; 0: none


class _Status(ctypes.Structure):
    _fields_ = [("session", ctypes.c_char * 72), ("is_debugged", ctypes.c_int), ("disabled", ctypes.c_uint),
                ("snapshots", ctypes.c_uint64), ("current_snapshot", ctypes.c_uint64), ("reserved", ctypes.c_uint64 * 8)]


def _load():
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), _NAME)
    library = ctypes.CDLL(beside if os.path.exists(beside) else _NAME)
    library.snapback_version.restype = ctypes.c_char_p
    library.snapback_last_error.restype = ctypes.c_char_p
    library.snapback_snapshot.argtypes = [ctypes.c_char_p, ctypes.c_uint]
    library.snapback_status.argtypes = [ctypes.POINTER(_Status)]
    return library


try:
    _library = _load()
except OSError as _error:
    raise ImportError(f"snapback: {_NAME} cannot be loaded ({_error}): put it beside {__file__}, or name its folder in "
                      "LD_LIBRARY_PATH") from None


def _check(result):
    if result < 0:
        raise Error(-result, _library.snapback_last_error().decode(errors="replace"))
    return result


def version():
    """The version of the library."""
    return _library.snapback_version().decode()


def is_controlled():
    """Whether this process runs under Snapback's control."""
    return bool(_library.snapback_is_controlled())


def snapshot(name="", save=False):
    """Takes a snapshot of the whole program and waits until it is there; returns an Answer.

    It returns once for the snapshot, and once more for each time that the program is put back to it or made anew from
    its image. `name`: at most 200 bytes of UTF-8 without control characters. `save`: write it to an image too, in the
    session's folder of images; the program goes on meanwhile. Raises Error.
    """
    return Answer(_check(_library.snapback_snapshot(name.encode(), _SAVE if save else 0)))


def disable():
    """From here to enable() nobody takes a snapshot. Nests; the same thread has to enable again."""
    _check(_library.snapback_disable())


def enable():
    """The end of what disable() began. Raises Error when this thread has not disabled anything."""
    _check(_library.snapback_enable())


@contextlib.contextmanager
def disabled():
    """A context in which nobody takes a snapshot."""
    disable()
    try:
        yield
    finally:
        enable()


def status():
    """The Status of the session. Raises Error."""
    found = _Status()
    _check(_library.snapback_status(ctypes.byref(found)))
    return Status(found.session.decode(errors="replace"), bool(found.is_debugged), found.disabled, found.snapshots,
                  found.current_snapshot)
