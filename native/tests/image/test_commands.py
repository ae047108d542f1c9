# SPDX-License-Identifier: EPL-2.0
"""verify, inspect, diff and export, on two images of a program."""
import json
import os
import re
import shutil
import sys

import saved_images

AREA = 0x10000000
PAGE = 4096


def flip(path, at):
    """Another bit in one byte of a file."""
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x10]))


class Verify(saved_images.TwoImages):
    def test_finds_whole_what_was_saved(self):
        self.assertEqual(self.call("verify", self.first, self.second),
                         f"{self.first}: whole\n{self.second}: whole\n")

    def test_names_the_damaged_one_and_goes_on_with_the_others(self):
        flip(self.first, 4096 + 100)
        outcome = self.snapback("verify", self.first, self.second)
        self.assertEqual((outcome.status, outcome.output), (2, ""))
        lines = outcome.message.splitlines()
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertIn("first.img is damaged", line)

    def test_names_a_parent_that_is_gone_and_finds_it_in_a_folder(self):
        aside = self.path("aside")
        os.mkdir(aside)
        shutil.move(self.first, aside)
        self.assertIn("first.img, which is not there any more", self.refused("verify", self.second))
        self.call("verify", "--image-folder", aside, self.second)

    def test_refuses_what_is_no_image(self):
        for path in ("/etc/passwd", "/dev/zero", self.path("nothing")):
            self.assertIn(path, self.refused("verify", path))
        self.assertIn("which image", self.refused("verify", status=1))


class Inspect(saved_images.TwoImages):
    def test_shows_processes_threads_memory_and_descriptors(self):
        text = self.call("inspect", self.second)
        for pattern in (r'(?m)^taken .* snapshot 2 "second" of session standing$', r"(?m)^builds on +.*/first\.img$",
                        r"(?m)^process \d+: .*/standing, in ", r"(?m)spin_here\+0x[0-9a-f]+ in standing$",
                        r"(?m)^ *10000000 +10040000 +rw-p +256 KiB", r"(?m)^ *\d+  pipe +pipe \d+$",
                        r"(?m)^ *\d+  eventfd +count 5$", r"(?m)^private memory +\d+ "):
            self.assertRegex(text, pattern)

    def test_tells_all_of_it_as_json(self):
        found = json.loads(self.call("inspect", "--json", self.second))
        process, = found["process"]
        self.assertEqual(found["path"], self.second)
        self.assertEqual(found["bytes"], os.stat(self.second).st_size)
        self.assertEqual([a["file"] for a in found["ancestor"]], ["first.img"])
        self.assertEqual(len(process["thread"]), 2)
        self.assertIn("spin_here", [frame["function"] for frame in found["frame"]])
        self.assertEqual(found["pipe"][0]["content"], "c2V2ZW4gYg==")
        self.assertEqual(found["shared_object"][0]["kind"], "memfd")
        area, = (m for m in process["mapping"] if m["start"] == AREA)
        self.assertEqual((area["end"], area["kind"]), (AREA + 64 * PAGE, "anonymous"))

    def test_draws_a_graph(self):
        graph = self.call("inspect", "--graph", self.second)
        self.assertTrue(graph.startswith("digraph image {\n") and graph.endswith("}\n"))
        for line in graph.splitlines()[1:-1]:
            self.assertRegex(line, r'^  \w+( -> \w+)? ?(\[.*\])?;$')
            self.assertEqual(len(re.findall(r'(?<!\\)"', line)) % 2, 0, line)
        self.assertIn("builds on", graph)

    def test_works_without_the_parent_but_names_it(self):
        os.unlink(self.first)
        self.assertIn("first.img", self.call("inspect", self.second))
        self.assertIn("first.img", self.refused("inspect", "--image-folder", self.images, self.second))


class Diff(saved_images.TwoImages):
    def differences(self, a, b, status):
        outcome = self.snapback("diff", "--json", a, b)
        self.assertEqual(outcome.status, status, outcome.message)
        found = json.loads(outcome.output)
        self.assertEqual(found["same"], status == 0)
        return found["difference"]

    def test_finds_no_difference_to_itself(self):
        self.assertEqual(self.differences(self.second, self.second, 0), [])
        self.assertEqual(self.call("diff", self.second, self.second), "")

    def test_finds_what_has_changed_in_between(self):
        found = self.differences(self.first, self.second, 1)
        pages = [(d["start"], d["end"]) for d in found if d["kind"] == "pages"]
        self.assertIn((AREA + 3 * PAGE, AREA + 5 * PAGE), pages)
        self.assertIn((AREA + 9 * PAGE, AREA + 10 * PAGE), pages)
        self.assertEqual(sum(AREA <= start < AREA + 64 * PAGE for start, _ in pages), 2)
        self.assertTrue(any("memfd:standing" in d["what"] for d in found if d["kind"] == "pages"))
        opened, = (d for d in found if d["kind"] == "descriptor" and d["a"] is None)
        self.assertIn("/dev/zero", opened["b"])
        self.assertEqual({d["kind"] for d in found} - {"pages", "descriptor", "register"}, set())
        self.assertRegex(self.snapback("diff", self.first, self.second).output, r"(?m) pages +10003000-10005000 +2 pages")

    def test_tells_wrong_usage_from_a_difference(self):
        self.refused("diff", self.first)
        self.refused("diff", "--unknown", self.first, self.second)
        self.refused("diff", self.first, "/etc/passwd")


class Export(saved_images.TwoImages):
    def test_makes_an_image_that_stands_alone(self):
        for compression in ("none", "zstd"):
            alone = self.path(compression + ".img")
            self.call("export", "--compress", compression, self.second, "-o", alone)
            self.assertEqual(self.call("diff", self.second, alone), "")
            self.assertEqual(os.stat(alone).st_mode & 0o777, 0o600)
        os.unlink(self.first)
        self.call("verify", self.path("none.img"), self.path("zstd.img"))
        self.assertEqual(self.call("diff", self.path("none.img"), self.path("zstd.img")), "")
        self.assertIn("first.img", self.refused("export", self.second, "-o", self.path("late.img")))
        self.assertFalse(os.path.exists(self.path("late.img")))

    def test_writes_where_the_file_system_has_no_files_without_a_name(self):
        left = self.path(".snapback-0123456789abcdef.part")  # by a writer that was killed
        with open(left, "w"):
            pass
        for _ in range(2):
            outcome = self.snapback("export", self.second, "-o", self.path("hidden.img"), binary="snapback-faults",
                                    environment=self.environment(SNAPBACK_FAULT="image_nameless"))
            self.assertEqual((outcome.status, outcome.message), (0, ""))
            self.call("verify", self.path("hidden.img"))
            self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(".")], [])

    def test_leaves_the_old_file_when_it_fails(self):
        kept = self.path("kept.img")
        self.call("export", self.first, "-o", kept)
        before = os.stat(kept)
        for point, words in (("image_write", "Input/output error"), ("image_full", "No space left"),
                             ("image_sync", "to the disk"), ("image_rename", "its name")):
            with self.subTest(point):
                outcome = self.snapback("export", self.second, "-o", kept, binary="snapback-faults",
                                        environment=self.environment(SNAPBACK_FAULT=point))
                self.assertEqual(outcome.status, 2)
                self.assertIn(words, outcome.message)
                self.assertEqual(os.stat(kept).st_ino, before.st_ino)
                self.call("verify", kept)
        self.assertEqual(sorted(os.listdir(self.folder)),
                         sorted(["home", "images", "kept.img", "run", "standing.stderr", "standing.stdout", "tmp", "work"]))


if __name__ == "__main__":
    saved_images.main(sys.argv)
