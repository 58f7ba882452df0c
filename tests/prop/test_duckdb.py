"""Features against another program: DuckDB's window SQL over the same events, value by value.

Counts, sums, averages and extremes of whole cents are exact on both sides, so they must be equal,
not near. ASSAY_DUCKDB_EVENTS sets how many events (10^6 for a thorough run).
"""
import json
import os
import random
import subprocess

import duckdb
from engine import BIN

EVENTS = int(os.environ.get("ASSAY_DUCKDB_EVENTS", "200000"))
START_MS, LENGTH_MS = 1_700_000_000_000, 14 * 86_400_000
MS = {"1m": 60_000, "5m": 300_000, "1h": 3_600_000, "6h": 21_600_000, "1d": 86_400_000,
      "3d": 259_200_000, "7d": 604_800_000}
SPANS = tuple(span for span in MS if span != "6h")


def over(key, span, delay=None, exclude=False):
    """(t - span - delay, t - delay] in whole milliseconds, as a window of SQL."""
    shift = MS[delay] if delay else 0
    end = f"{shift} PRECEDING" if delay else "CURRENT ROW"
    begin = f"{MS[span] - 1 + shift} PRECEDING" if span else "UNBOUNDED PRECEDING"
    return (f"OVER (PARTITION BY {key} ORDER BY time RANGE BETWEEN {begin} AND {end}"
            f"{' EXCLUDE CURRENT ROW' if exclude else ''})")


def money(cents):
    """Whole cents to the f64 nearest to the amount; one division."""
    return f"{cents}::DOUBLE / 100.0"


def summed(window, where=""):
    return money(f"coalesce(sum(cents) {where} {window}, 0)")


def mean(window, where=""):
    count = f"count(cents) {where} {window}"
    return f"(sum(cents) {where} {window})::DOUBLE / (100 * nullif({count}, 0))::DOUBLE"


def features_of(key):
    """(name, Assay's definition, the same in SQL) of the windows every entity has."""
    for span in SPANS:
        window = over(key, span)
        yield f"n_{span}", f"count(pay) over {span}", f"count(*) {window}"
        yield f"sum_{span}", f"sum(pay.amount) over {span}", summed(window)
        yield f"avg_{span}", f"avg(pay.amount) over {span}", mean(window)
    for span in ("1h", "7d"):
        window = over(key, span)
        yield f"min_{span}", f"min(pay.amount) over {span}", money(f"min(cents) {window}")
        yield f"max_{span}", f"max(pay.amount) over {span}", money(f"max(cents) {window}")


def special_features():
    """What only users have: filters, delays, the event left out, lifetime, distinct values."""
    failed = "FILTER (WHERE NOT ok)"
    for span in ("1h", "1d", "7d"):
        window = over("user", span)
        yield (f"failed_{span}", f"count(pay) where not ok over {span}",
               f"count(*) {failed} {window}")
        yield (f"lost_{span}", f"sum(pay.amount) where not ok over {span}",
               summed(window, failed))
        yield (f"channels_{span}", f"count_distinct(pay.channel) over {span}",
               f"count(DISTINCT channel) {window}")
    yield ("mean_failed_7d", "avg(pay.amount) where not ok over 7d",
           mean(over("user", "7d"), failed))
    yield "before_7d", "sum(pay.amount) over 7d delay 1d", summed(over("user", "7d", "1d"))
    yield "n_before", "count(pay) over 1h delay 6h", f"count(*) {over('user', '1h', '6h')}"
    yield ("others_1d", "count(pay) exclude current over 1d",
           f"count(*) {over('user', '1d', exclude=True)}")
    yield ("max_others", "max(pay.amount) exclude current over 3d",
           money(f"max(cents) {over('user', '3d', exclude=True)}"))
    yield "n_ever", "count(pay)", f"count(*) {over('user', None)}"
    yield "sum_ever", "sum(pay.amount)", summed(over("user", None))
    lag = "lag({} IGNORE NULLS) OVER (PARTITION BY user ORDER BY time)"
    yield "one_before", "last(pay.amount) exclude current", money(lag.format("cents"))
    yield "pause", "time_since_last(pay) exclude current", f"time - {lag.format('time')}"


FEATURES = {"user": [*features_of("user"), *special_features()],
            "merchant": list(features_of("merchant"))}


def definitions():
    text = ("lateness: 1m\nevents:\n  pay:\n    fields:\n"
            "      user: {type: key, entity: user}\n"
            "      merchant: {type: key, entity: merchant}\n"
            "      amount: decimal(2)\n      channel: category\n      ok: bool\n"
            "entities: {user: {expire: 400d}, merchant: {expire: 400d}}\nfeatures:\n")
    for entity, features in FEATURES.items():
        text += f"  {entity}:\n" + "".join(f"    {n}: {d}\n" for n, d, _ in features)
    return text


def write_events(path):
    """Events in time order, no two at one time; every tenth amount is missing.

    Times are whole seconds, so that busy keys have events just at the edge of a window.
    """
    pick = random.Random(5)
    step = LENGTH_MS // EVENTS
    assert step >= 1000, "more events than seconds"
    users, merchants = max(EVENTS // 40, 1), max(EVENTS // 400, 1)
    with open(path, "w", encoding="utf-8") as out:
        for i in range(EVENTS):
            cents = pick.randrange(2_000_000) - 500_000
            amount = "null" if i % 10 == 7 else f"{cents / 100:.2f}"
            # Squared: some keys have thousands of events, some a few.
            user, merchant = int(pick.random() ** 2 * users), int(pick.random() ** 2 * merchants)
            out.write(f'{{"type":"pay","time":{START_MS + i * step // 1000 * 1000},'
                      f'"user":"u{user}","merchant":"m{merchant}","amount":{amount},'
                      f'"channel":"c{pick.randrange(6)}",'
                      f'"ok":{"true" if pick.random() < 0.8 else "false"}}}\n')


def ask_assay(folder, events):
    (folder / "features.yaml").write_text(definitions(), encoding="utf-8")
    run = subprocess.run([BIN, "replay", "-c", folder, "--input", events, "--rows",
                          folder / "rows.csv", "--on", "pay", "--json"], capture_output=True,
                         text=True, check=False, timeout=600)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["events"] == EVENTS
    return folder / "rows.csv"


def ask_duckdb(base, events):
    """Table sql: time, then a DOUBLE a feature."""
    base.execute(
        "CREATE TABLE pay AS SELECT time, user, merchant, channel, ok, "
        "round(amount * 100)::BIGINT AS cents FROM read_json(?, format='newline_delimited', "
        "columns={time: 'BIGINT', user: 'VARCHAR', merchant: 'VARCHAR', amount: 'DOUBLE', "
        "channel: 'VARCHAR', ok: 'BOOLEAN'})", [str(events)])
    columns = ", ".join(f'({sql})::DOUBLE AS "{entity}.{name}"'
                        for entity, features in FEATURES.items() for name, _, sql in features)
    base.execute(f"CREATE TABLE sql AS SELECT time, {columns} FROM pay")


def test_every_value_is_duckdbs(tmp_path):
    names = [f"{entity}.{name}" for entity, features in FEATURES.items() for name, _, _ in features]
    assert len(names) >= 60
    write_events(tmp_path / "events.jsonl")
    rows = ask_assay(tmp_path, tmp_path / "events.jsonl")
    base = duckdb.connect(config={"threads": 2})
    ask_duckdb(base, tmp_path / "events.jsonl")
    types = ", ".join(f"'{name}': 'DOUBLE'" for name in names)
    base.execute("CREATE TABLE assay AS SELECT * FROM read_csv(?, header=true, columns="
                 f"{{event_id: 'VARCHAR', time: 'BIGINT', {types}}})", [str(rows)])
    assert base.execute("SELECT count(*), count(DISTINCT time) FROM assay").fetchone() == (
        EVENTS, EVENTS)
    wrong = ", ".join(f'count(*) FILTER (WHERE a."{n}" IS DISTINCT FROM s."{n}")' for n in names)
    matched, *counts = base.execute(
        f"SELECT count(*), {wrong} FROM assay a JOIN sql s USING (time)").fetchone()
    assert matched == EVENTS
    assert {name: count for name, count in zip(names, counts) if count} == {}
    assert base.execute('SELECT count(*) FROM sql WHERE "user.mean_failed_7d" IS NULL'
                        ).fetchone()[0] > 0, "a null must have been seen"
