"""Running bench programs: where they lie, what they print, medians over runs."""
import json
import pathlib
import platform
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build/release/bin"


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def commit():
    run = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT,
                         capture_output=True, text=True, check=True)
    return run.stdout.strip()


def lines_of(program, *arguments):
    """Run a bench program; its result lines as dictionaries."""
    run = subprocess.run([BIN / program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                         check=True)
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def medians(runs):
    """One result per name: the median of each figure over the runs."""
    results = []
    for same in zip(*runs):
        result = dict(same[0])
        for key in ("assay", "peer"):
            if result.get(key) is not None:
                result[key] = statistics.median(run[key] for run in same)
        results.append(result)
    return results
