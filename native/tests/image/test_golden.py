# SPDX-License-Identifier: EPL-2.0
"""The golden images open, and go on where they were."""
import json
import os
import sys

import snapback_support as support

FILES = {}  # of the folder: read before root is given up, wherever the checkout is
LAST_TICK = {"first": 2002, "second": 2003}  # that each had written


class Golden(support.TestCase):
    def setUp(self):
        super().setUp()
        for name, content in FILES.items():
            with open(self.path(name), "wb") as file:
                file.write(content)
            os.chmod(self.path(name), 0o755)

    def image(self, name):
        return self.path(name + ".img")

    def test_is_whole(self):
        outcome = self.snapback("verify", self.image("first"), self.image("second"))
        self.assertEqual((outcome.status, outcome.message), (0, ""))

    def test_tells_what_it_holds(self):
        found = json.loads(self.snapback("inspect", "--json", self.image("second")).output)
        self.assertEqual((found["name"], found["session"]), ("second golden", "golden"))
        self.assertEqual([a["file"] for a in found["ancestor"]], ["first.img"])

    def test_goes_on_where_it_was(self):
        for name, tick in LAST_TICK.items():
            with self.subTest(name):
                session = self.restart(self.image(name), ["--map-path", "/golden=" + self.folder], name=name)
                support.wait_for(lambda: session.output_text().count("\n") > 5, session.shown)
                lines = session.output_text().splitlines()[:5]
                self.assertEqual(lines, [f"tick {tick + n}" for n in range(1, 6)])
                again = session.snapshot()
                session.rewind(again)
                session.end()
                self.assertNotIn("FAIL", session.output_text())


if __name__ == "__main__":
    folder = sys.argv.pop(1)
    for entry in os.listdir(folder):
        with open(os.path.join(folder, entry), "rb") as golden:
            FILES[entry] = golden.read()
    support.main()
