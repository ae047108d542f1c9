# SPDX-License-Identifier: EPL-2.0
"""What a program under test tells: a file to which it appends lines."""
import re

import snapback_support as support


class Journal:
    """The lines that a program has told; none is read twice."""

    def __init__(self, path):
        self.path = path
        self.at = 0

    def lines(self):
        try:
            with open(self.path) as file:
                found = file.read().splitlines()
        except FileNotFoundError:
            return []
        for line in found:
            if line.startswith("FAIL"):
                raise AssertionError("the program found a fault: " + line)
        return found

    def next(self, pattern, seconds=None):
        """Waits for a line like that, behind those that were found before."""
        found = []

        def there():
            for at, line in enumerate(self.lines()[self.at:], self.at):
                if re.search(pattern, line):
                    self.at = at + 1
                    found.append(line)
                    return True
            return False
        support.wait_for(there, lambda: f"the line {pattern!r} behind {self.lines()[:self.at][-3:]} in "
                                        f"{self.lines()[self.at:]}", seconds)
        return found[0]
