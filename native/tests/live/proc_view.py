# SPDX-License-Identifier: EPL-2.0
"""All that /proc tells of a process that a rewind should bring back, as one dictionary to compare."""
import os
import re

# What runs on, or is ours, or is only a statistic.
STATUS_LEFT_OUT = re.compile(r"(Vm|Rss|Huge|Tgid|Pid|PPid|NSpid|voluntary|nonvoluntary|State|Cpus|Mems|TracerPid|Speculation|untag|x86_Thread|SigQ)")


def _read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError as error:
        return f"({error.strerror})"


def _link(path):
    try:
        return os.readlink(path)
    except OSError as error:
        return f"({error.strerror})"


def _status(text):
    rows = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    # Of numbers by namespaces those inside: a process that was built anew has another one on the host.
    return {key: " ".join(value.split()[1:] if key.startswith("NS") else value.split())
            for key, value in rows if not STATUS_LEFT_OUT.match(key)}


# Flags of mappings that say how memory is accounted, hugepages wanted or a userfaultfd of ours watching; not what it is.
FLAGS_LEFT_OUT = {"sd", "uw", "nh", "hg", "ac", "nr"}


def _numbered_anew(text, pattern, seen):
    """Numbers that a new object has otherwise: by the order in which they come. `pattern`: before, number, behind."""
    return re.sub(pattern, lambda m: m[1] + f"({seen.setdefault(m[2], len(seen))})" + m[3], text)


def _mappings(pid):
    """Range → rights, offset, device, inode, name, and the flags of mmap and madvise; anonymous neighbours joined."""
    rows = []
    text = _numbered_anew(_read(f"/proc/{pid}/smaps"), r"( 00:01 )(\d+)( +/dev/zero \(deleted\))", {})
    # The name of a segment that has been removed tells the key that it had once.
    text = re.sub(r"/SYSV[0-9a-f]{8}", "/SYSV", text)
    for block in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", text):
        first, *rest = block.splitlines()
        where, what = first.split(" ", 1)
        start, end = where.split("-")
        flags = next((line.split(":")[1].split() for line in rest if line.startswith("VmFlags")), [])
        what = " ".join(what.split()) + " | " + " ".join(f for f in flags if f not in FLAGS_LEFT_OUT)
        if rows and rows[-1][1:] == [start, what] and " 00:00 0" in what:
            rows[-1][1] = end
        else:
            rows.append([start, end, what])
    return {f"{start}-{end}": what for start, end, what in rows}


# Of a descriptor's flags those that matter once it is open: access, status (fcntl F_SETFL), close-on-exec.
FLAGS_THAT_MATTER = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK | os.O_DIRECT | os.O_NOATIME | os.O_SYNC | os.O_CLOEXEC


def _file_information(text):
    """Lines that can come in any order are sorted; what runs on, or has numbers of its own, is left out."""
    text = re.sub(r"eventfd-id:.*\n|mnt_id:.*\n|ino:\s.*\n|sdev:\S+| ino:\S+|it_value:.*\n|ticks:.*\n", "", text)
    text = re.sub(r"(flags:\s+)(\d+)", lambda m: f"flags: {int(m[2], 8) & FLAGS_THAT_MATTER:o}", text, count=1)
    # Of a lock what it is: neither the number of its owner on the host nor the file's inode.
    text = re.sub(r"(lock:.*?)\d+ \S+:\d+ (\d+ \S+)", r"\1\2", text)
    # A watch that has fired once is told of errors and hang-ups again: the kernel adds these by itself.
    text = re.sub(r"(events:\s+)([0-9a-f]+)", lambda m: f"{m[1]}{int(m[2], 16) & ~0x18:x}", text)
    return " ".join(" ".join(line.split()) for line in sorted(text.splitlines()))


def _timers(text):
    """By id; who is told has another number on the host when it was built anew."""
    text = re.sub(r"(pid|tid)\.\d+", r"\1", text)
    return {block.split("\n")[0]: block.split("\n")[1:] for block in re.split(r"(?m)^(?=ID: )", text) if block}


def _descriptors(pid):
    found, anew = {}, {}
    for number in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        info = _read(f"/proc/{pid}/fdinfo/{number}")
        link = _link(f"/proc/{pid}/fd/{number}")
        made = re.fullmatch(r"(pipe|socket):\[(\d+)\]", link)
        if made:
            # One that is made anew has another inode; who shares it is told all the same.
            link = anew.setdefault(made[2], f"{made[1]} of {number}")
        found[number] = link + " | " + _file_information(info)
    return found


def _threads(pid):
    """By their numbers inside: a thread that was made again has another one on the host."""
    found = {}
    for tid in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        base = f"/proc/{pid}/task/{tid}"
        inner = re.search(r"NSpid:.*?(\d+)$", _read(base + "/status"), re.MULTILINE)
        found[inner.group(1) if inner else tid] = {"comm": _read(base + "/comm").strip(), "status": _status(_read(base + "/status")),
                      "call": _read(base + "/syscall").split()[:7]}
    return found


def view(pid):
    """The dictionary; every value is text or again a dictionary."""
    base = f"/proc/{pid}"
    return {
        "mappings": _mappings(pid),
        "descriptors": _descriptors(pid),
        "threads": _threads(pid),
        "limits": _read(base + "/limits"),
        "cwd": _link(base + "/cwd"),
        "root": _link(base + "/root"),
        "exe": _link(base + "/exe"),
        "command": _read(base + "/cmdline"),
        "oom": _read(base + "/oom_score_adj").strip(),
        "coredump": _read(base + "/coredump_filter").strip(),
        "personality": _read(base + "/personality").strip(),
        "slack": _read(base + "/timerslack_ns").strip(),
        "timers": _timers(_read(base + "/timers")),
    }


def differences(then, now, path=""):
    """One line for each difference."""
    if not isinstance(then, dict) or not isinstance(now, dict):
        return [] if then == now else [f"{path}: was {then!r}, is {now!r}"]
    lines = []
    for key in [*then, *(k for k in now if k not in then)]:
        lines += differences(then.get(key, "(nothing)"), now.get(key, "(nothing)"), f"{path}/{key}")
    return lines
