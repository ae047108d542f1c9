# SPDX-License-Identifier: EPL-2.0
"""Holding the program of a session still from outside: what /proc shows of it then can be compared."""
import contextlib
import os
import signal

import proc_view
import snapback_support as support

# They cannot be compared: their processes stop and end each other, or what they have open gets other names or numbers.
MOVING = {"exec_storm", "families", "relations", "orphans", "pipelines", "children", "pidfds", "servers", "servers-six",
          "unix_talk", "ptys", "open_files", "proc_files",
          "tracing", "tracing-traceme", "tracing-seize"}  # these take the stop for a fault
# What stops and goes on sends these, to itself and to its parent.
OURS = sum(1 << number - 1 for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGCHLD))
WITH_MASKS = {"polling", "sigwaiting"}  # in calls that take a mask of signals


def processes(session):
    """Host numbers of the program's processes, without templates, by their numbers inside."""
    supervisor = session.status()["supervisor_pid"]
    found = {}
    for pid in support.descendants(session.process.pid):
        if support.state_of(pid) in list("RSDT") and pid != supervisor:
            found[support.inner_pid(pid)] = pid
    found.pop(None, None)  # it has just ended
    return found


def wait_until_stopped(session):
    def are_stopped():
        pids = processes(session).values()
        return pids and all(support.state_of(pid) == "T" for pid in pids)
    support.wait_for(are_stopped, "all processes to stop")


def stop(session):
    """Until no process is left that was forked while the others were being stopped."""
    def all_are_stopped():
        running = [pid for pid in processes(session).values() if support.state_of(pid) != "T"]
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        return processes(session) and not running
    support.wait_for(all_are_stopped, "all processes to stop")


def go_on(session):
    for pid in processes(session).values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def views(session, name):
    """What /proc shows, but for where threads stand: one that was stopped in a system call is put back to before it, and
    so is its mask if the call had one of its own."""
    found = {inner: proc_view.view(pid) for inner, pid in processes(session).items()}
    for thread in (t for view in found.values() for t in view["threads"].values()):
        del thread["call"]
        for key in ("SigPnd", "ShdPnd"):
            thread["status"][key] = int(thread["status"][key], 16) & ~OURS
        if name in WITH_MASKS:
            del thread["status"]["SigBlk"]
    return found


def check_same(then, now, what):
    lines = proc_view.differences(then, now)
    assert not lines, f"{what}:\n" + "\n".join(lines)
