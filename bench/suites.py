"""The suites of scripts/bench: run what was built, collect results, print and save ratios.

A bench program prints one JSON object a result on stdout, with name, unit and assay, and where there
is a peer peer_name and peer (in the same unit); lower_is_better defaults to false. Everything else it
says goes to stderr.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

from features_suite import growth, suite_features
from runs import BIN, ROOT, commit, cpu_model, lines_of, medians

def suite_decode(quick):
    """JSON events into typed fields; jansson parses and extracts the same ones, answers compared."""
    arguments = ["--quick"] if quick else []
    results = medians([lines_of("bench_decode", *arguments) for _ in range(3 if quick else 7)])
    for result in results:
        result["target"] = 3  # times jansson
    alone = {"name": f"{results[0]['name']}, a core", "unit": results[0]["unit"],
             "assay": results[0]["assay"], "target": 2e6}
    return results + [alone]


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


KAFKA_PORT = "19592"
BROKERS = f"127.0.0.1:{KAFKA_PORT}"


def kafka(*words):
    subprocess.run([ROOT / "scripts/kafka", *map(str, words)], check=True, text=True,
                   stdout=subprocess.DEVNULL, env=os.environ | {"ASSAY_KAFKA_PORT": KAFKA_PORT})


def kafka_folder(folder, topic):
    """The example with this broker, one shard, no sinks: what is measured ends with decisions."""
    here = folder / f"kafka-{topic}"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(ROOT / "config", here, ignore=shutil.ignore_patterns("state"))
    (here / "assay.yaml").write_text(
        f'state: ./state\nshards: 1\nsources:\n'
        f'  - kafka: {{brokers: "{BROKERS}", topics: [{topic}], format: json}}\n')
    return here


def run_to_end(folder):
    """`assay run` to the end of the topic: its summary."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    run = subprocess.run([BIN / "assay", "run", "-c", folder, "--until-end", "--json"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return json.loads(run.stdout)


def suite_kafka(quick):
    """CPU an event from a real broker to decisions, against the sum of the parts in the same run.

    Parts: librdkafka alone with our settings (bench_kafka), and decode, apply and score, both as the
    run's own threads were billed for them and as a replay of the same lines was, which has the
    machine's caches to itself: broker and client work beside the run. CPU is that of the whole
    process, all threads, when the last decision has been committed; what it costs before the first
    event is measured on an empty topic and taken off.
    """
    folder = ROOT / "build/bench"
    folder.mkdir(parents=True, exist_ok=True)
    events = generated(*((3000, 45) if quick else (4000, 60)), folder)
    kafka("start", "--fresh")
    try:
        return kafka_results(folder, events, 3 if quick else 7)
    finally:
        kafka("stop")


def kafka_results(folder, events, rounds):
    for topic in ("full", "empty"):
        kafka("topic", topic, 4)
    with open(events, "rb") as lines:
        subprocess.run([BIN / "kafka_tool", "produce", "--brokers", BROKERS, "--topic", "full",
                        "--key-field", "user"], stdin=lines, check=True)
    folders = {topic: kafka_folder(folder, topic) for topic in ("full", "empty")}
    runs = []
    for _ in range(rounds):
        bare = {topic: lines_of("bench_kafka", BROKERS, topic)[0] for topic in ("full", "empty")}
        replay = json.loads(subprocess.run(
            [BIN / "assay", "replay", "-c", "config", "--input", events, "--shards", "1",
             "--json"], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        full, empty = (run_to_end(folders[topic]) for topic in ("full", "empty"))
        count = full["messages"]
        if count != bare["full"]["messages"] or count != replay["messages"]:
            raise SystemExit("the parts did not see the same messages")
        consume_ns = bare["full"]["cpu_ns"] - bare["empty"]["cpu_ns"]
        whole_ns = full["cpu_ns"] - empty["cpu_ns"]
        ways = (("in the run", full), ("alone", replay))
        sums = [{"peer_name": f"sum of the parts, {way}",
                 "peer": (consume_ns + sum(summary[f"{part}_ns"] for part in PARTS)) / count}
                for way, summary in ways]
        sums[0]["target"] = 1 / 1.1
        runs.append([per_event("broker to decisions, CPU per event", whole_ns, count) | parts
                     for parts in sums] +
                    [per_event("part alone: librdkafka", consume_ns, count)] +
                    [per_event(f"part {way}: {part}", summary[f"{part}_ns"], count)
                     for part in PARTS for way, summary in ways] +
                    [per_event(f"beside the parts: {stage}", full[f"{stage}_ns"], count)
                     for stage in ("take", "emit")])
    return medians(runs)


PARTS = ("decode", "apply", "score")


def per_event(name, ns, count):
    return {"name": name, "unit": "ns", "lower_is_better": True, "assay": ns / count}


SUITES = {"decode": suite_decode, "features": suite_features, "kafka": suite_kafka,
          "pipeline": suite_pipeline}


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
        line += f"   target {result['target']:.3g}"
    print(line)
    if result.get("settings"):
        print(f"    {result['settings']}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("suite", choices=sorted(SUITES))
    parser.add_argument("--quick", action="store_true", help="end within 45 s")
    parser.add_argument("--json", metavar="FILE", help="save the results")
    parser.add_argument("--growth", action="store_true",
                        help="features: by number of events and windows, into docs/performance.md")
    options = parser.parse_args()
    if options.growth:
        if options.suite != "features":
            parser.error("--growth is of the suite features")
        return growth(options.quick)
    # Before the run: what was built is this commit, whatever is checked out meanwhile.
    document = {"suite": options.suite, "machine": cpu_model(), "commit": commit()}
    results = [finish(result) for result in SUITES[options.suite](options.quick)]
    document["results"] = results
    print(f"{document['machine']}, commit {document['commit']}")
    for result in results:
        show(result)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
