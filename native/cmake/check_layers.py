#!/usr/bin/env python3
# SPDX-License-Identifier: EPL-2.0
"""Checks the native sources: #include arrows only as ARCHITECTURE.md draws them, the machine only in trace/arch."""
import pathlib
import re
import sys

# What each module may include, besides itself. "proto" stands for the code generated from native/proto.
ARROWS = {
    "base": set(),
    "api": {"base"},
    "kernel": {"base"},
    "proc": {"base", "kernel"},
    "trace": {"base", "kernel"},
    "image": {"base", "proto"},
    "resource": {"base", "kernel", "proc", "trace", "image", "proto"},
    "engine": {"base", "kernel", "proc", "trace", "image", "resource", "proto"},
    "session": {"base", "kernel", "proc", "trace", "image", "engine", "proto"},
    "cli": {"base", "kernel", "proc", "image", "session", "proto"},
}

# What a module must leave alone, and why.
BANNED_INCLUDES = {
    "image": {"sys/ptrace.h": "an image is bytes and structs, nothing runs here"},
    "proc": {"sys/ptrace.h": "parsers work on byte buffers"},
}

MACHINE = re.compile(
    r"\b(?:orig_rax|r(?:ax|bx|cx|dx|si|di|bp|sp|ip)|eflags|fs_base|user_regs_struct|user_fpregs_struct"
    r"|__x86_64__|__aarch64__|__asm__|asm)\b"
    r"|<(?:sys/user|sys/reg|asm/prctl|immintrin)\.h>"
    r"|0x0f\s*,\s*0x05\b|0xcc\b",
    re.IGNORECASE,
)
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
MOST_LINES = 520


def include_complaint(module, header, is_ours):
    if not is_ours:
        why = BANNED_INCLUDES.get(module, {}).get(header)
        return f"{module} must not include <{header}>: {why}" if why else None
    target = header.split("/")[0] if "/" in header else "proto" if header.endswith(".pb-c.h") else module
    if target == module or target in ARROWS[module]:
        return None
    return f'no arrow leads from {module} to {target} ("{header}")'


def include_complaints(module, lines):
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        header = found.group(1) or found.group(2)
        is_ours = found.group(1) is not None and header != "gdb_commands.h"
        complaint = include_complaint(module, header, is_ours)
        if complaint:
            yield number, complaint


def machine_complaints(text):
    bare = COMMENT_OR_TEXT.sub(lambda m: "\n" * m.group().count("\n"), text)
    for number, line in enumerate(bare.splitlines(), 1):
        found = MACHINE.search(line)
        if found:
            yield number, f"“{found.group()}” belongs to the machine: only trace/arch may know it"


def shape_complaints(lines):
    if not lines or lines[0] != "// SPDX-License-Identifier: EPL-2.0":
        yield 1, "the first line is not the licence's SPDX line"
    if len(lines) < 2 or not re.match(r"// \S", lines[1]):
        yield 2, "the second line does not say what the file is for"
    if len(lines) > MOST_LINES:
        yield MOST_LINES, f"{len(lines)} lines: split the file"


def complaints_about(path, module, is_arch):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    yield from shape_complaints(lines)
    yield from include_complaints(module, lines)
    if not is_arch:
        yield from machine_complaints(text)


def check(source):
    count = 0
    for path in sorted(source.rglob("*.[ch]")):
        parts = path.relative_to(source).parts
        if parts[0] not in ARROWS:
            print(f"{path}: the module {parts[0]} is not in ARROWS of {pathlib.Path(__file__).name}")
            count += 1
            continue
        for number, complaint in complaints_about(path, parts[0], parts[:2] == ("trace", "arch")):
            print(f"{path}:{number}: {complaint}")
            count += 1
    return count


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1]))
    print(f"{found} complaints" if found else "all sources keep to the layers")
    sys.exit(1 if found else 0)
