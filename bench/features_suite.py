"""The suite `features`: exact sliding windows through the store, and the peers on the same stream.

Definitions are a features.yaml of our own making, loaded as a user's is. Every peer is first
checked: all its values after every event must equal ours bit for bit. Then both are timed on that
stream, in turns, CPU seconds on both sides. A peer that is not installed ends the full run with the
remedy.
"""
import filecmp
import json
import os
import pathlib
import statistics
import subprocess
import sys

from runs import BIN, ROOT, commit, cpu_model, lines_of

FOLDER = ROOT / "build/bench/features"
PYTHON = ROOT / "build/deps/peers/bin/python"
WINDOWS = {"1m": 60_000, "5m": 300_000, "1h": 3_600_000, "1d": 86_400_000, "3d": 259_200_000,
           "7d": 604_800_000}
BASE = {"count": "count(pay)", "sum": "sum(pay.amount)", "avg": "avg(pay.amount)"}
PLUS = {"min": "min(pay.amount)", "max": "max(pay.amount)", "stddev": "stddev_pop(pay.amount)",
        "distinct": "count_distinct(pay.device)"}
CACHE_BYTES_DEFAULT = 32 << 20


def definitions(name, aggregates, spans, entities=("user",)):
    """A folder with a features.yaml: these aggregates over these spans, for every entity."""
    keys = "".join(f"      {entity}: {{type: key, entity: {entity}}}\n" for entity in entities)
    text = ("lateness: 1m\nevents:\n  pay:\n    fields:\n" + keys +
            "      amount: decimal(2)\n      device: category\n"
            "entities:\n" + "".join(f"  {entity}: {{expire: 400d}}\n" for entity in entities) +
            "features:\n")
    for entity in entities:
        text += f"  {entity}:\n" + "".join(
            f"    {feature}: {source} over [{', '.join(spans)}]\n"
            for feature, source in aggregates.items())
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "features.yaml").write_text(text)
    return folder


def driver(mode, *arguments):
    return lines_of("bench_features", mode, *map(str, arguments))[0]


def plus_definitions():
    """The large set; without stddev_pop where the program does not know it yet."""
    aggregates = BASE | PLUS
    folder = definitions("plus", aggregates, WINDOWS)
    known = subprocess.run([BIN / "bench_features", "rate", "-c", folder, "--keys", "1",
                            "--events", "1"], capture_output=True, text=True, check=False)
    if known.returncode == 0:
        return folder, "min, max, stddev_pop, count_distinct"
    if "stddev_pop" not in known.stderr:
        raise SystemExit(known.stderr)
    del aggregates["stddev"]
    return definitions("plus", aggregates, WINDOWS), "min, max, count_distinct, no stddev_pop yet"


def cache_bytes():
    """Of the last level."""
    sizes = [0]
    for index in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = index.read_text().strip()
        sizes.append(int(text[:-1]) << {"K": 10, "M": 20, "G": 30}[text[-1]])
    return max(sizes) or CACHE_BYTES_DEFAULT


def figure(name, unit, assay, target=None, **more):
    return {"name": name, "unit": unit, "assay": assay, "target": target, **more}


def middle(runs, key):
    return statistics.median(run[key] for run in runs)


class Rates:
    """The rates of the store, each a few times, in turns."""

    def __init__(self, quick):
        base = definitions("base", BASE, WINDOWS)
        plus, self.added = plus_definitions()
        small, large = (3_000_000, 2_000_000) if quick else (20_000_000, 60_000_000)
        self.cases = {
            "uniform": (base, "uniform", 1_000_000, small),
            "zipf": (base, "zipf", 1_000_000, small),
            "hot": (base, "hot", 1_000_000, small),
            "uniform 10 M": (base, "uniform", 10_000_000, large),
            "zipf 10 M": (base, "zipf", 10_000_000, large),
            "plus": (plus, "uniform", 1_000_000, small),
        }
        self.limit_s, self.rounds = (2, 1) if quick else (20, 3)
        self.runs = {case: [] for case in self.cases}
        self.lines = {case: [] for case in ("uniform", "zipf", "uniform 10 M")}
        for _ in range(self.rounds):
            for case in self.cases:
                self.run(case)

    def run(self, case):
        folder, mix, keys, events = self.cases[case]
        run = driver("rate", "-c", folder, "--mix", mix, "--keys", keys, "--events", events,
                     "--warm", 50, "--limit", self.limit_s)
        if run["events"] < events:
            print(f"{case}: {run['events']:,} of {events:,} events in {self.limit_s} CPU seconds",
                  file=sys.stderr)
        self.runs[case].append(run)
        if case in self.lines:
            self.lines[case].append(driver(
                "lines", "--mix", mix, "--keys", run["keys"], "--state", run["rss_bytes"],
                "--events", 1_000_000 if self.rounds == 1 else 4_000_000))

    def per_s(self, case):
        return 1e9 / middle(self.runs[case], "ns")

    def updates(self, case):
        return self.per_s(case) * self.runs[case][0]["features"]

    def length(self, case):
        """Said of a short stream: its windows are not full, most events are first ones."""
        events = self.runs[case][0]["events"]
        short = self.rounds == 1 or events < self.cases[case][3]
        return f", {events / 1e6:.1f} M events" if short else ""

    def figures(self):
        asked = {"uniform": ("1 M keys, uniform", 8e6), "zipf": ("1 M keys, Zipf 0.8", 8e6),
                 "uniform 10 M": ("10 M keys, uniform", 6e6),
                 "zipf 10 M": ("10 M keys, Zipf 0.8", 6e6)}
        results = []
        for case, (words, target) in asked.items():
            name = f"{words}, 18 features{self.length(case)}"
            results.append(figure(name, "events/s", self.per_s(case), target))
            results.append(figure(name, "window-aggregate updates/s",
                                  self.updates(case), 18 * target))
        name = f"1 M keys, uniform, plus {self.added}{self.length('plus')}"
        results.append(figure(name, "events/s", self.per_s("plus"), 2e6))
        results.append(figure("one key with half of 1 M keys' events", "events/s",
                              self.per_s("hot"), 1, peer_name="uniform",
                              peer=self.per_s("uniform")))
        for case, runs in self.lines.items():
            results.append(figure(f"{asked[case][0]}, an event", "ns",
                                  middle(self.runs[case], "ns"), 0.5, lower_is_better=True,
                                  peer_name=f"reading {runs[0]['lines']} lines of a record",
                                  peer=middle(runs, "ns")))
        return results


def row_figures(quick):
    """200 features of four entities, from a state ten times the last-level cache, through a reader;
    the keys were never read before. The owner reads the same rows after it."""
    spans = ("1m", "5m", "15m", "1h", "6h", "1d", "2d", "3d", "5d", "7d")
    aggregates = BASE | {"min": PLUS["min"], "max": PLUS["max"]}
    folder = definitions("row", aggregates, spans, ("user", "account", "phone", "merchant"))
    wanted = 10 * cache_bytes()
    keys, a_key = 200_000, 4 if quick else 20
    run = driver("row", "-c", folder, "--keys", keys, "--events", a_key * keys)
    if run["memory_bytes"] < wanted:
        keys = keys * wanted // run["memory_bytes"] * 11 // 10
        run = driver("row", "-c", folder, "--keys", keys, "--events", a_key * keys)
    runs = [run] + [driver("row", "-c", folder, "--keys", keys, "--events", a_key * keys)
                    for _ in range(0 if quick else 2)]
    times = run["memory_bytes"] * 10 / wanted
    return [figure(f"row of {runs[0]['features']} features, 4 entities, state {times:.1f}x the "
                   f"last-level cache, by {who}, {q}", "us", middle(runs, f"{key}{q}_ns") / 1e3,
                   target if key == "" else None, lower_is_better=True)
            for key, who in (("", "a reader"), ("owner_", "the owner"))
            for q, target in (("p50", 5), ("p99", 15))]


def beside_figures(quick):
    """What a thread that reads rows of random keys at full rate costs the one that writes."""
    keys, events, rounds = (1_000_000, 2_000_000, 3) if quick else (1_000_000, 12_000_000, 20)
    run = driver("beside", "-c", FOLDER / "base", "--mix", "uniform", "--keys", keys, "--events",
                 events, "--warm", 50, "--rounds", rounds)
    print(f"beside: {run['reads']:,} reads, {run['retries']:,} copies tried again, "
          f"{run['busy']:,} left to the owner", file=sys.stderr)
    name = "writer slowed by a reader thread at full rate: CPU time an event, of that without it"
    return [figure(name, "times", run["slowed"], 1.05, lower_is_better=True),
            figure(f"{name}, reading another store", "times", run["slowed_elsewhere"],
                   lower_is_better=True),
            figure("reader thread beside the writer, rows of 4 keys, 18 features a key", "reads/s",
                   1e9 / run["read_ns"])]


def memory_figures(quick):
    """Every key twenty times within a week; what the process grew by, index and all."""
    keys = 100_000 if quick else 1_000_000
    run = driver("rate", "-c", FOLDER / "base", "--mix", "turns", "--keys", keys,
                 "--events", 20 * keys)
    return [figure(f"bytes a key, 20 events, {run['features']} features", "B",
                   run["rss_bytes"] / run["keys"], 400, lower_is_better=True)]


def spill_figures(quick):
    """One key, so that all but its newest events are old: in memory, and on disk."""
    if quick:
        return []
    events = 10_000_000
    arguments = ("--keys", 1, "--events", events, "--warm", 50)
    memory = definitions("one-key", BASE, WINDOWS)
    disk = definitions("one-key-spills", BASE, WINDOWS)
    (disk / "assay.yaml").write_text("spill: {folder: ., after: 1MiB}\n")
    runs = {folder: [] for folder in (memory, disk)}
    for _ in range(3):
        for folder, of in runs.items():
            of.append(driver("rate", "-c", folder, *arguments))
    if len({run["checksum"] for of in runs.values() for run in of}) != 1:
        raise SystemExit("a key that spills gave other values")
    name = f"one key, {events / 1e6:.0f} M events, all but the newest on disk"
    return [figure(name, "events/s", 1e9 / middle(runs[disk], "ns"), 0.5, peer_name="in memory",
                   peer=1e9 / middle(runs[memory], "ns")),
            figure(name, "MB in memory", runs[disk][0]["memory_bytes"] / 1e6, 5,
                   lower_is_better=True, peer_name="without a disk",
                   peer=runs[memory][0]["memory_bytes"] / 1e6)]


def peer_command(name, *arguments):
    """How a peer is run, or None where it is not installed."""
    if name == "flink_over":
        script = ROOT / "scripts/flink"
        ready = subprocess.run([script, "ready"], check=False).returncode == 0
        return [script, "over", *arguments] if ready else None
    if not PYTHON.exists():
        return None
    if name == "redis_zset" and not any(
            os.access(pathlib.Path(folder) / program, os.X_OK)
            for folder in os.environ["PATH"].split(":")
            for program in ("redis-server", "redis-check-rdb")):
        return None
    return [PYTHON, ROOT / f"bench/peers/{name}.py", *arguments]


def run_peer(name, *arguments):
    command = peer_command(name, *arguments)
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


class Stream:
    """A stream laid down for peers, with all our values to compare theirs with."""

    def __init__(self, name, keys, events, definition="base"):
        self.events_file, self.values_file, self.theirs = (
            FOLDER / f"{name}.{kind}" for kind in ("events", "values", "theirs"))
        self.arguments = ("-c", FOLDER / definition, "--keys", keys, "--events", events)
        self.checked = driver("rate", *self.arguments, "--write-events", self.events_file,
                              "--write-values", self.values_file)

    def run(self):
        """Ours, timed; the answers are those that the peers were checked against."""
        run = driver("rate", *self.arguments)
        if run["checksum"] != self.checked["checksum"]:
            raise SystemExit("two runs of the store over one stream gave different values")
        return run

    def check(self, peer, *windows):
        run = run_peer(peer, self.events_file, self.theirs, *windows)
        if not filecmp.cmp(self.values_file, self.theirs, shallow=False):
            raise SystemExit(f"{peer}: its values are not ours: compare {self.theirs} "
                             f"with {self.values_file} (rows of f64)")
        self.theirs.unlink()
        return run

    def forget(self):
        for path in (self.events_file, self.values_file, self.theirs):
            path.unlink(missing_ok=True)


# Peer: target, (keys, events) of its stream, the same of --quick.
PEERS = {
    "duckdb_window": (20, (50_000, 2_000_000), (5_000, 200_000)),
    "polars_rolling": (20, (50_000, 2_000_000), (5_000, 200_000)),
    "duckdb_epochs": (20, (5_000, 200_000), (1_000, 40_000)),
    "polars_epochs": (20, (5_000, 200_000), (1_000, 40_000)),
    "flink_over": (30, (5_000, 200_000), (125, 5_000)),
    "river_rolling": (30, (5_000, 200_000), (1_000, 40_000)),
    "redis_zset": (30, (5_000, 200_000), (1_000, 40_000)),
}


def wanted_peers(quick):
    """Those that are installed; in a full run one that is not is an error."""
    missing = [name for name in PEERS if peer_command(name) is None]
    if missing and not quick:
        raise SystemExit(f"not installed: {', '.join(missing)}: run scripts/setup --bench")
    for name in missing:
        print(f"left out, not installed: {name} (scripts/setup --bench)", file=sys.stderr)
    return [name for name in PEERS if name not in missing]


def peer_figures(quick, names):
    results = []
    sizes = {}
    for name in names:
        sizes.setdefault(PEERS[name][2 if quick else 1], []).append(name)
    for (keys, events), group in sizes.items():
        stream = Stream(f"peers-{events}", keys, events)
        theirs = {name: [stream.check(name)] for name in group}
        ours = [stream.run()]
        for _ in range(0 if quick else 2):
            ours.append(stream.run())
            for name in group:
                theirs[name].append(run_peer(name, stream.events_file, "-"))
        stream.forget()
        rate = 1e9 / middle(ours, "ns")
        for name, runs in theirs.items():
            if quick and name == "flink_over":  # some seconds do not warm a JVM up
                runs[0]["settings"] += "; too short to be fair: only the full run counts"
            results.append(figure(
                f"{events:,} events, {keys:,} keys, 18 features", "events/s", rate,
                None if quick and name == "flink_over" else PEERS[name][0],
                peer_name=runs[0]["peer"],
                peer=events / middle(runs, "cpu_s"), settings=runs[0]["settings"]))
    return results


def suite_features(quick):
    """Windows of count, sum and average through the store, the machine beneath it, and peers."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = wanted_peers(quick)
    return (Rates(quick).figures() + row_figures(quick) + beside_figures(quick) +
            memory_figures(quick) + spill_figures(quick) +
            peer_figures(quick, names))


def growth(quick):
    """Write the tables and the plot of docs/performance.md."""
    from features.growth import write_growth  # which needs what is above

    return write_growth(quick, f"{cpu_model()}, commit {commit()}")
