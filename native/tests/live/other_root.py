# SPDX-License-Identifier: EPL-2.0
"""Runs a command in another tree of files, as an ordinary user can: in a user and a mount namespace of its own.

    other_root.py ROOT SHARED COMMAND…        SHARED: a folder that both trees have
"""
import ctypes
import os
import sys

NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000
BIND, DETACH = 0x1000 | 0x4000, 2  # with what is mounted below
PIVOT_ROOT = 155  # x86-64
LIBC = ctypes.CDLL(None, use_errno=True)


def done(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter_namespaces():
    user, group = os.getuid(), os.getgid()
    done(LIBC.unshare(NEW_USER | NEW_MOUNTS))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def bind(what, where):
    os.makedirs(where, exist_ok=True)
    done(LIBC.mount(what.encode(), where.encode(), None, BIND, None))


def change_root(root, shared):
    bind(root, root)
    for folder in ("/proc", "/dev", "/sys", shared):
        bind(folder, root + folder)
    os.makedirs(root + "/old", exist_ok=True)
    done(LIBC.syscall(PIVOT_ROOT, root.encode(), f"{root}/old".encode()))
    os.chdir("/")
    done(LIBC.umount2(b"/old", DETACH))


if __name__ == "__main__":
    root_folder, shared_folder, *command = sys.argv[1:]
    enter_namespaces()
    change_root(root_folder, shared_folder)
    os.chdir(shared_folder)
    os.execv(command[0], command)
