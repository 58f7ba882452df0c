#!/usr/bin/env python3
"""The house rules bite: each breach planted in a small tree is told, and a clean tree is not."""
import pathlib
import subprocess
import tempfile
import unittest

import tidy

CLEAN = {
    "engine/base/x.h": "/** Do it. Thread: any. */\nvoid assay_x_do(int value);\n",
    "features/y.c": '#include "engine/base/x.h"\n\nint y;\n',
}

BREACHES = {
    "an include pointing up": ("engine/base/z.c", '#include "features/y.h"\n', "not below it"),
    "an include pointing sideways": ("ingest/z.c", '#include "engine/config/c.h"\n',
                                     "not below it"),
    "another folder's private header": ("features/z.c", '#include "engine/base/z_pvt.h"\n',
                                        "is private to engine/base"),
    "a foreign header outside its fence": ("engine/runtime/z.c",
                                           "#include <librdkafka/rdkafka.h>\n", "is fenced"),
    "a long function": ("features/z.c", "int z(void)\n{\n" + "    z();\n" * 71 + "}\n",
                        "the function has 71 lines"),
    "a long file": ("features/z.c", "int z;\n" * 801, "the file has 801 lines"),
    "a prototype without a contract": ("engine/base/z.h", "int assay_z_do(int value);\n",
                                       "assay_z_do() has no contract comment"),
    "a second prototype under one comment": (
        "engine/base/z.h", "/** One. */\nint assay_z_a(void);\nint assay_z_b(void);\n",
        "assay_z_b() has no contract comment"),
    "a machine's path": ("README.md", "see /home/somebody/x\n", "names a path of one machine"),
    "bad layout": ("features/z.c", "int  z;\n", "is not laid out"),
}


def tree(files):
    root = pathlib.Path(tempfile.mkdtemp(prefix="tidy-"))
    (root / ".clang-format").write_text(
        (pathlib.Path(__file__).parents[2] / ".clang-format").read_text())
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


class Tidy(unittest.TestCase):
    def test_a_clean_tree_has_no_breach(self):
        self.assertEqual(list(tidy.breaches(tree(CLEAN))), [])

    def test_each_breach_is_told_once_with_its_place(self):
        for name, (path, text, told) in BREACHES.items():
            with self.subTest(name):
                found = list(tidy.breaches(tree(CLEAN | {path: text})))
                self.assertEqual([place for place, _, _ in found], [path])
                self.assertIn(told, found[0][2])

    def test_a_drifted_document_is_told(self):
        root = tree(CLEAN | {document: "old\n" for document in tidy.GENERATED})
        found = list(tidy.breaches(root, "/bin/echo"))
        self.assertEqual([place for place, _, _ in found], list(tidy.GENERATED))


if __name__ == "__main__":
    unittest.main()
