"""The figures by number of events and of windows: tables and a plot for docs/performance.md."""
import sys

from features.plot import plot
from features_suite import BASE, FOLDER, ROOT, Stream, definitions, driver, peer_command, run_peer

PAGE = ROOT / "docs/performance.md"
PICTURE = ROOT / "docs/performance.svg"
BEGIN, END = "<!-- growth: written by the command above -->", "<!-- growth: end -->"
PEERS = {"DuckDB": "duckdb_window", "Polars": "polars_rolling"}
EVENTS_A_KEY = 20
LIMIT_S = 60
MINUTE_MS, WEEK_MS = 60_000, 604_800_000


def spans(count):
    """This many lengths from a minute to a week, each the same factor longer than the last."""
    if count == 1:
        return [WEEK_MS]
    factor = (WEEK_MS / MINUTE_MS) ** (1 / (count - 1))
    return [round(MINUTE_MS * factor ** i) for i in range(count)]


def peer_rates(stream, events, windows):
    """Events a CPU second of the peers, their values checked."""
    lengths = ",".join(map(str, windows))
    return {name: events / stream.check(peer, lengths)["cpu_s"] for name, peer in PEERS.items()}


def tell(text):
    print(text, file=sys.stderr, flush=True)


def by_events(largest, peers_largest):
    windows = [60_000, 300_000, 3_600_000, 86_400_000, 259_200_000, 604_800_000]
    folder = definitions("growth", BASE, [f"{length}ms" for length in windows])
    rows = []
    for power in range(4, largest + 1):
        events, keys = 10 ** power, 10 ** power // EVENTS_A_KEY
        run = driver("rate", "-c", folder, "--keys", keys, "--events", events, "--limit", LIMIT_S)
        lines = driver("lines", "--keys", run["keys"], "--state", run["rss_bytes"],
                       "--events", 2_000_000)
        row = {"x": run["events"], "Assay": 1e9 / run["ns"], "ns": run["ns"],
               "lines": lines["ns"], "bytes": run["rss_bytes"], "features": run["features"]}
        if power <= peers_largest:
            stream = Stream("growth", keys, events, "growth")
            row |= peer_rates(stream, events, windows)
            stream.forget()
        tell(f"10^{power} events: {row}")
        rows.append(row)
    return rows


def by_windows(events):
    rows = []
    for count in (1, 2, 4, 8, 16, 32):
        windows = spans(count)
        definitions("growth", BASE, [f"{length}ms" for length in windows])
        stream = Stream("growth", events // EVENTS_A_KEY, events, "growth")
        run = stream.run()
        row = {"x": count, "Assay": 1e9 / run["ns"], "ns": run["ns"], "features": run["features"]}
        row |= peer_rates(stream, events, windows)
        stream.forget()
        tell(f"{count} windows: {row}")
        rows.append(row)
    return rows


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if isinstance(value, int) or value >= 100 else f"{value:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---:|" * len(head)]
    return lines + ["| " + " | ".join(number(cell) for cell in row) + " |" for row in rows]


def page(machine, events_rows, windows_rows, events):
    first = table(["events", "Assay, events/s", "ns an event", "reading 6 lines, ns",
                   "lines / event", "MiB of state", "DuckDB, events/s", "Polars, events/s"],
                  [[r["x"], r["Assay"], r["ns"], r["lines"], r["lines"] / r["ns"],
                    r["bytes"] / 2 ** 20, r.get("DuckDB"), r.get("Polars")] for r in events_rows])
    second = table(["windows", "features", "Assay, events/s", "ns an event",
                    "window-aggregate updates/s", "DuckDB, events/s", "Polars, events/s"],
                   [[r["x"], r["features"], r["Assay"], r["ns"], r["Assay"] * r["features"],
                     r["DuckDB"], r["Polars"]] for r in windows_rows])
    return "\n".join(
        [BEGIN, f"{machine}; one thread each, CPU seconds.", "",
         f"Six windows, {EVENTS_A_KEY} events a key in fourteen days, from an empty store on:", "",
         *first, "", f"One to 32 windows from a minute to a week, {events:,} events:", "", *second,
         "", "![Events per second by number of events and by number of windows](performance.svg)",
         END])


def write_growth(quick, machine):
    missing = [name for name, peer in PEERS.items() if peer_command(peer) is None]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}: run scripts/setup --bench")
    FOLDER.mkdir(parents=True, exist_ok=True)
    events = 100_000 if quick else 400_000
    events_rows = by_events(*((6, 5) if quick else (8, 6)))
    windows_rows = by_windows(events)
    series = ("Assay", *PEERS)
    PICTURE.write_text(plot(
        [("by number of events, 6 windows", "events",
          {s: [(r["x"], r[s]) for r in events_rows if s in r] for s in series}),
         ("by number of windows", "windows",
          {s: [(r["x"], r[s]) for r in windows_rows] for s in series})]))
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(before + page(machine, events_rows, windows_rows, events) + rest.split(END)[1])
    return 0
