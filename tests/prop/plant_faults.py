#!/usr/bin/env python3
"""Plant faults one by one in a copy of the tree and see that the tests catch each.

Each fault of faults.py changes one place of the sources. The copy is built and its unit and race tests
of features, the pipeline's and the property tests are run; golden files play no part. A fault that
nothing notices means that a law has no test: the exit code says so.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from faults import FAULTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = (r"^(unit\.(features|ingest|sync)|race\.(features|sync))\."
        r"|^unit\.runtime\.pipeline$")
CASES = "210"


class Tree:
    """A copy of the sources with a build of its own."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT,
                                check=True, stdout=subprocess.PIPE).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        self.call("cmake", "--preset", "dev", check=True)
        names = self.call("ctest", "--preset", "dev", "-N", "-R", UNIT, check=True).stdout
        self.unit = [line.split(": ")[1].strip() for line in names.splitlines()
                     if line.strip().startswith("Test ") and ": " in line]

    def call(self, *command, check=False, **more):
        return subprocess.run(command, cwd=self.root, check=check, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)

    def build(self):
        """Empty, or what the compiler said."""
        run = self.call("cmake", "--build", "--preset", "dev", "--target", "assay", *self.unit)
        return "" if run.returncode == 0 else run.stdout[-3000:]

    def unit_failures(self):
        """Names of the unit tests that fail."""
        failed = []
        for name in self.unit:
            try:
                run = self.call(str(self.root / "build/dev/bin" / name), timeout=120)
                failed += [name] if run.returncode != 0 else []
            except subprocess.TimeoutExpired:
                failed.append(name + " (hangs)")
        return failed

    def prop_failure(self):
        """Name of the first property test that fails, or empty."""
        environment = dict(os.environ, ASSAY_BIN=str(self.root / "build/dev/bin/assay"),
                           ASSAY_PROP_CASES=CASES, ASSAY_PROP_SHRINK="0",
                           PYTHONDONTWRITEBYTECODE="1")
        try:
            run = self.call(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider",
                            "tests/prop/test_features.py", env=environment, timeout=600)
        except subprocess.TimeoutExpired:
            return "hangs"
        if run.returncode == 0:
            return ""
        lines = [line for line in run.stdout.splitlines() if line.startswith("FAILED")]
        return lines[0].split("::")[1].split(" ")[0] if lines else "pytest: " + run.stdout[-200:]


def places(text, fault):
    """Where the fault goes; how the lines are laid out does not matter."""
    pattern = r"\s+".join(re.escape(word) for word in fault.old.split())
    return list(re.finditer(pattern, text))


def plant(tree, fault):
    """Change the one place. @return the untouched text."""
    path = tree.root / fault.file
    text = path.read_text(encoding="utf-8")
    found = places(text, fault)
    if len(found) != 1:
        raise SystemExit(f"{fault.name}: the place in {fault.file} is there {len(found)} times, not "
                         "once; bring tests/prop/faults.py up to date")
    start, end = found[0].span()
    path.write_text(text[:start] + fault.new.strip() + text[end:], encoding="utf-8")
    return text


def verdict(tree, fault):
    """(caught by unit tests, caught by property tests)"""
    text = plant(tree, fault)
    try:
        said = tree.build()
        if said:
            raise SystemExit(f"{fault.name}: does not compile, so it says nothing\n{said}")
        return tree.unit_failures(), tree.prop_failure()
    finally:
        (tree.root / fault.file).write_text(text, encoding="utf-8")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--list", action="store_true", help="print the faults and stop")
    options.add_argument("names", nargs="*", help="only these faults")
    args = options.parse_args()
    faults = [f for f in FAULTS if not args.names or f.name in args.names]
    if args.list:
        for fault in faults:
            print(f"{fault.name:24} {fault.law}")
        return 0
    survivors = []
    with tempfile.TemporaryDirectory(prefix="assay-faults-") as folder:
        tree = Tree(folder)
        said = tree.build()
        if said or tree.unit_failures() or tree.prop_failure():
            raise SystemExit(f"the tests fail without any fault\n{said}")
        print(f"{'fault':24} {'unit':28} {'property':46} seconds", flush=True)
        for fault in faults:
            start = time.monotonic()
            unit, prop = verdict(tree, fault)
            print(f"{fault.name:24} {', '.join(unit)[:28] or '-':28} {prop[:46] or '-':46} "
                  f"{time.monotonic() - start:.0f}", flush=True)
            if not unit and not prop:
                survivors.append(fault)
    for fault in survivors:
        print(f"SURVIVES: {fault.name}: {fault.law}")
    print(f"{len(faults) - len(survivors)} of {len(faults)} faults caught")
    return 1 if survivors or not faults else 0


if __name__ == "__main__":
    sys.exit(main())
