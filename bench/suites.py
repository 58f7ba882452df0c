"""The suites of scripts/bench: run what was built, collect results, print and save ratios.

A bench program prints one JSON object a result on stdout, with name, unit and assay, and where there
is a peer peer_name and peer (in the same unit); lower_is_better defaults to false. Everything else it
says goes to stderr.
"""
import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import sys

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


def suite_decode(quick):
    arguments = ["--quick"] if quick else []
    return medians([lines_of("bench_decode", *arguments) for _ in range(3 if quick else 7)])


def generated(users, days, folder):
    """A stream of the example lender, made once per size."""
    path = folder / f"events-{users}-{days}.jsonl"
    if not path.exists():
        subprocess.run([BIN / "assay", "generate", "--users", str(users), "--days", str(days),
                        "--output", path], check=True, stderr=subprocess.DEVNULL)
    return path


def suite_pipeline(quick):
    """Replay the example on one core; figures are per second of CPU time of the stages."""
    folder = ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    events = generated(*((1000, 30) if quick else (5000, 60)), folder)
    runs = []
    for _ in range(3 if quick else 5):
        run = subprocess.run([BIN / "assay", "replay", "-c", "config", "--input", events,
                              "--shards", "1", "--decisions", "/dev/null", "--json"], cwd=ROOT,
                             capture_output=True, text=True, check=True)
        runs.append(pipeline_results(json.loads(run.stdout)))
    return medians(runs)


STAGES = ("take", "decode", "apply", "score", "emit")


def pipeline_results(summary):
    cpu_s = sum(summary[f"{stage}_ns"] for stage in STAGES) / 1e9
    rates = [{"name": f"{what.replace('_', ' ')} per CPU second", "unit": f"{what}/s",
              "assay": summary[what] / cpu_s}
             for what in ("events", "feature_values", "decisions")]
    stages = [{"name": f"CPU of {stage}, per event", "unit": "ns", "lower_is_better": True,
               "assay": summary[f"{stage}_ns"] / summary["events"]} for stage in STAGES]
    return rates + stages


SUITES = {"decode": suite_decode, "pipeline": suite_pipeline}


def finish(result):
    """Add the ratio (> 1: ours is better) and fill what the program left out."""
    lower = result.setdefault("lower_is_better", False)
    peer = result.setdefault("peer", None)
    result.setdefault("peer_name", None)
    result.setdefault("target", None)
    result["ratio"] = None
    if peer:
        result["ratio"] = peer / result["assay"] if lower else result["assay"] / peer
    return result


def show(result):
    line = f"{result['name']:<44} {result['assay']:>14,.4g} {result['unit']}"
    if result["ratio"] is not None:
        line += f"   {result['peer_name']} {result['peer']:,.4g}   ratio {result['ratio']:.2f}"
    if result["target"] is not None:
        line += f"   target {result['target']:g}"
    print(line)


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("suite", choices=sorted(SUITES))
    parser.add_argument("--quick", action="store_true", help="end within 45 s")
    parser.add_argument("--json", metavar="FILE", help="save the results")
    options = parser.parse_args()
    results = [finish(result) for result in SUITES[options.suite](options.quick)]
    document = {"suite": options.suite, "machine": cpu_model(), "commit": commit(),
                "results": results}
    print(f"{document['machine']}, commit {document['commit']}")
    for result in results:
        show(result)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
