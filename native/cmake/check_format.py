#!/usr/bin/env python3
# SPDX-License-Identifier: EPL-2.0
"""Checks that C sources look as clang-format leaves them; exits with 77 where no clang-format of a known version is."""
import pathlib
import re
import shutil
import subprocess
import sys

KNOWN_VERSIONS = range(14, 15)  # versions differ in details: one decides
FOLDERS = ("native/src", "native/tests", "samples", "benchmarks")


def clang_format():
    for name in ["clang-format", *(f"clang-format-{v}" for v in KNOWN_VERSIONS)]:
        program = shutil.which(name)
        if not program:
            continue
        text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        version = re.search(r"version (\d+)\.", text)
        if version and int(version.group(1)) in KNOWN_VERSIONS:
            return program
    return None


def sources(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[ch]")):
            if "build" not in path.relative_to(root).parts:
                yield path


def main(root, in_place):
    program = clang_format()
    if not program:
        print("skipped: no clang-format 14 on this machine")
        return 77
    way = ["-i"] if in_place else ["--dry-run", "-Werror"]
    return subprocess.run([program, *way, *sources(root)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), "--in-place" in sys.argv))
