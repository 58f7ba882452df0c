#!/usr/bin/env python3
"""House rules that no compiler checks; prints every breach as path:line: what, remedy.

Usage: tidy.py [ROOT]     check a tree (default: the one this file lies in)
"""
import pathlib
import re
import subprocess
import sys

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
COLUMNS_MAX = 100

# A folder may include itself and folders with a smaller number.
LAYERS = {
    "engine/base": 0,
    "engine/sync": 1,
    "features": 2,
    "scorers": 3,
    "scorers/embed": 4,
    "ingest": 4,
    "engine/emit": 4,
    "engine/serve": 4,
    "engine/config": 4,
    "engine/runtime": 5,
    "engine/backtest": 6,
    "engine/api": 7,
    "engine/cli": 8,
}
UNLAYERED = ("tests", "bench")

# Foreign header -> the files that may include it.
FENCES = {
    r"librdkafka/.*|rdkafka.*": r"ingest/kafka[^/]*\.c|engine/emit/kafka\.c|(tests/support|bench/pipeline)/[^/]*kafka[^/]*\.c",
    r"rte_.*": r"ingest/dpdk[^/]*\.c",
    r"msgpack.*": r"features/decode_msgpack\.c|engine/serve/rpc[^/]*\.c",
    r"libfyaml\.h": r"engine/config/[^/]*\.[ch]",
    r"onnxruntime.*": r"scorers/embed/onnx\.c",
    r"jansson\.h": r"(tests|bench)/.*",
    r"xxhash\.h": r"engine/base/hash\.c",
    r"zstd\.h": r"ingest/file\.c|tests/.*",
    r"curl/.*": r"scorers/embed/http\.c",
    r"microhttpd\.h": r"engine/serve/http[^/]*\.c",
}

# Generated document -> arguments of the program that prints it.
GENERATED = {
    "docs/commands.md": ["help", "--markdown"],
    "docs/errors.md": ["config", "errors"],
    "docs/configuration.md": ["config", "settings"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
FORBIDDEN = re.compile(r"/work/|/root/|/home/\w")


def folder_of(path):
    """The layered folder that a path lies in, or None."""
    parts = path.split("/")
    for depth in (2, 1):
        name = "/".join(parts[:depth])
        if len(parts) > depth and name in LAYERS:
            return name
    return None


def check_includes(path, lines):
    mine = folder_of(path)
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, target = match.groups()
        if kind == '"':
            yield from check_own_include(path, mine, number, target)
        for foreign, allowed in FENCES.items():
            if re.fullmatch(foreign, target) and not re.fullmatch(allowed, path):
                yield number, f'"{target}" is fenced: only {allowed} may include it'


def check_own_include(path, mine, number, target):
    theirs = folder_of(target)
    if theirs is None:
        if not path.startswith(UNLAYERED):
            yield number, f'"{target}" is not named from the root of the repository'
        return
    if mine is None:
        return
    if theirs != mine and LAYERS[theirs] >= LAYERS[mine]:
        yield number, f"{mine} includes {theirs}, which is not below it"
    if target.endswith("_pvt.h") and theirs != mine:
        yield number, f'"{target}" is private to {theirs}'


def check_sizes(path, lines):
    if len(lines) > FILE_LINES_MAX:
        yield len(lines), f"the file has {len(lines)} lines, more than {FILE_LINES_MAX}: split it"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and path.endswith((".c", ".h")):
            yield number, f"the line has {len(line)} columns, more than {COLUMNS_MAX}"
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > FUNCTION_LINES_MAX:
                yield start, (f"the function has {number - start - 1} lines, more than "
                              f"{FUNCTION_LINES_MAX}: split it")
            start = None


def prototypes(lines):
    """(line number, text) of each function declared at column 0, with the line before it."""
    number = 0
    while number < len(lines):
        line = lines[number]
        begins = re.match(r"(ASSAY_MUST_CHECK |const |static inline |extern |enum |struct |void|bool|"
                          r"u?int\w*|size_t|double|char|__attribute__)", line)
        if not begins or line.startswith("typedef"):
            number += 1
            continue
        first = number
        text = line
        while not re.search(r"[;{]\s*(/\*.*)?$", text) and number + 1 < len(lines):
            number += 1
            text += " " + lines[number].strip()
        number += 1
        if re.search(r"\bassay_\w+\(", text) and "= " not in text.split("(")[0]:
            yield first, text


def check_contracts(path, lines):
    if not path.endswith(".h") or path.endswith("_pvt.h") or folder_of(path) is None:
        return
    for index, text in prototypes(lines):
        before = lines[index - 1].strip() if index > 0 else ""
        if not before.endswith("*/"):
            name = re.search(r"\b(assay_\w+)\(", text).group(1)
            yield index + 1, f"{name}() has no contract comment directly above it"


def check_words(path, lines):
    for number, line in enumerate(lines, 1):
        if FORBIDDEN.search(line) and not path.startswith("tests/tidy/"):
            yield number, "names a path of one machine"


def check_generated(root, program):
    for document, arguments in GENERATED.items():
        wanted = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
        path = root / document
        if not path.exists() or path.read_text() != wanted.stdout:
            command = " ".join(["assay", *arguments])
            yield document, 1, f"differs from what the program prints: run `{command} > {document}`"


def check_layout(root, sources):
    tool = "clang-format-14"
    run = subprocess.run([tool, "--dry-run", *sources], cwd=root, capture_output=True, text=True)
    for line in run.stderr.splitlines():
        match = re.match(r"(\S+?):(\d+):\d+: warning: code should be clang-formatted", line)
        if match:
            yield match.group(1), int(match.group(2)), "is not laid out: run `scripts/lint --fix`"


def tracked(root):
    run = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                         cwd=root, capture_output=True, text=True, check=True)
    return [path for path in run.stdout.splitlines() if (root / path).is_file()]


def breaches(root, program=None):
    sources = []
    for path in tracked(root):
        try:
            lines = (root / path).read_text().split("\n")
        except UnicodeDecodeError:
            continue
        if lines and lines[-1] == "":
            lines.pop()
        for number, what in check_words(path, lines):
            yield path, number, what
        if not path.endswith((".c", ".h")):
            continue
        sources.append(path)
        for check in (check_includes, check_sizes, check_contracts):
            for number, what in check(path, lines):
                yield path, number, what
    yield from check_layout(root, sources)
    if program is not None:
        yield from check_generated(root, program)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    program = sys.argv[2] if len(sys.argv) > 2 else None
    found = 0
    for path, number, what in breaches(root.resolve(), program):
        print(f"{path}:{number}: {what}")
        found += 1
    print(f"tidy: {found} breach{'' if found == 1 else 'es'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
