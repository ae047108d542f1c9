# SPDX-License-Identifier: EPL-2.0
"""Runs inside gdb: times `checkpoint` each time the workload is asked for a fork. Set by the caller: rounds, result."""
import json
import re
import time

import gdb


def checkpoint_ms():
    start = time.monotonic()
    gdb.execute("checkpoint", to_string=True)
    spent = (time.monotonic() - start) * 1000
    listed = gdb.execute("info checkpoints", to_string=True)
    number = max(int(number) for number in re.findall(r"^[* ] (\d+) ", listed, re.MULTILINE))
    gdb.execute(f"delete checkpoint {number}", to_string=True)
    return spent


gdb.execute("break measure_fork", to_string=True)
gdb.execute("run", to_string=True)
spent_ms = []
for _ in range(rounds):  # noqa: F821
    spent_ms.append(checkpoint_ms())
    with open(result, "w", encoding="utf-8") as file:  # noqa: F821
        json.dump(spent_ms, file)
    gdb.execute("continue", to_string=True)
