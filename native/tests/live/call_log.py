# SPDX-License-Identifier: EPL-2.0
"""What strace has written: whether each call has its beginning and its end, and nothing comes twice."""
import re

# "???": of a thread that an exec has ended before strace could look at it.
BEGINNING = re.compile(r"(\w+|\?+)\(.*<unfinished \.\.\.>$")
REST = re.compile(r"<\.\.\. (\w+) resumed>.*(\) += | <unfinished)")
WHOLE = re.compile(r"(\w+)\(.*\) += ", re.DOTALL)
NEWS = re.compile(r"--- .* ---$|\+\+\+ .* \+\+\+$")
END = re.compile(r"\+\+\+ (exited with|killed by|superseded by)")


def lines_of(path):
    """(thread, text) for each line; what is behind the end of the first process is of a past that has been taken back."""
    first = None
    with open(path, errors="replace") as file:
        for line in file:
            match = re.match(r"(\d+) +(.*)", line)
            thread, text = match.groups() if match else ("", line.rstrip("\n"))
            first = first if first is not None else thread
            yield thread, text
            if thread == first and END.match(text) and "superseded" not in text:
                return


def check(path, test):
    """Returns the whole calls as text, in their order."""
    open_calls, calls = {}, []
    for thread, text in lines_of(path):
        where = f"{thread} {text!r} with {open_calls.get(thread)!r} open"
        if REST.match(text):
            test.assertEqual(REST.match(text)[1], open_calls.pop(thread, None), where)
            calls.append(text)
        elif BEGINNING.match(text):
            test.assertNotIn(thread, open_calls, where)
            open_calls[thread] = BEGINNING.match(text)[1]
        elif WHOLE.match(text):
            test.assertNotIn(thread, open_calls, where)
            calls.append(text)
        else:
            test.assertRegex(text, NEWS, where)
            if END.match(text):
                open_calls.pop(thread, None)
    return calls
