#!/usr/bin/env python3
# SPDX-License-Identifier: EPL-2.0
"""The layer check finds what it is there to find."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "cmake"))
import check_layers  # noqa: E402

HEAD = "// SPDX-License-Identifier: EPL-2.0\n// A file of this test.\n"


class LayerCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def complaints(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            count = check_layers.check(self.source)
        return count, out.getvalue()

    def test_accepts_an_arrow_that_is_drawn(self):
        self.write("engine/capture.c", HEAD + '#include "trace/executor.h"\n#include <errno.h>\n')
        self.assertEqual(self.complaints()[0], 0)

    def test_refuses_an_arrow_that_is_not_drawn(self):
        self.write("base/file.c", HEAD + '#include "engine/engine.h"\n')
        count, text = self.complaints()
        self.assertEqual(count, 1)
        self.assertIn("no arrow leads from base to engine", text)

    def test_refuses_a_register_outside_the_machines_folder(self):
        self.write("engine/rewind.c", HEAD + "long f(struct r *r) { return r->orig_rax; }\n")
        self.assertIn("rewind.c:3", self.complaints()[1])

    def test_accepts_a_register_in_the_machines_folder(self):
        self.write("trace/arch/x86_64.h", HEAD + "long f(struct r *r) { return r->orig_rax; }\n")
        self.assertEqual(self.complaints()[0], 0)

    def test_accepts_a_register_in_a_comment(self):
        self.write("engine/rewind.c", HEAD + "// the kernel keeps rax for itself\nint x;\n")
        self.assertEqual(self.complaints()[0], 0)

    def test_refuses_an_unknown_module(self):
        self.write("misc/things.c", HEAD)
        self.assertEqual(self.complaints()[0], 1)

    def test_refuses_a_file_without_its_first_two_lines(self):
        self.write("base/file.c", "int x;\n")
        self.assertEqual(self.complaints()[0], 2)


if __name__ == "__main__":
    unittest.main()
