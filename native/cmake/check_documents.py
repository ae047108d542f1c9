#!/usr/bin/env python3
# SPDX-License-Identifier: EPL-2.0
"""Checks that every link between the Markdown documents leads somewhere, headings included."""
import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def anchors(path):
    """The names under which the headings of a document can be reached."""
    for line in CODE.sub(lambda m: m.group().strip("`"), path.read_text(encoding="utf-8")).splitlines():
        if line.startswith("#"):
            yield re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")


def complaint(document, target):
    path, _, anchor = target.partition("#")
    where = (document.parent / path).resolve() if path else document
    if not where.exists():
        return f"{target} does not exist"
    if anchor and anchor not in anchors(where):
        return f"{target}: no such heading"
    return None


def check(root):
    count = 0
    for document in [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]:
        for target in LINK.findall(CODE.sub("", document.read_text(encoding="utf-8"))):
            found = None if "://" in target else complaint(document, target)
            if found:
                print(f"{document.relative_to(root)}: {found}")
                count += 1
    return count


if __name__ == "__main__":
    sys.exit(1 if check(pathlib.Path(sys.argv[1])) else 0)
