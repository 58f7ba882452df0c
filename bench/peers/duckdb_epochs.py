"""DuckDB asked while the stream runs: 1,024 events at a time, the most that an epoch takes.

Each turn appends its events and asks for their values before the next come, which is what a
decision needs. The events of its keys within the longest window are joined once, and each window is
a FILTER of that join; what no window reaches any more is deleted now and then.
"""
import sys

import duckdb
import numpy
from common import WINDOWS, Clock, finish, laid_out, load

EPOCH, TIDY_EVERY = 1024, 64
SETTINGS = f"threads=1, in memory, turns of {EPOCH:,} events, one join, windows as FILTER"


def query():
    columns = ", ".join(
        f"count(*) FILTER (WHERE p.time > b.time - {length}) AS n{w}, "
        f"sum(p.cents) FILTER (WHERE p.time > b.time - {length}) AS s{w}"
        for w, length in enumerate(WINDOWS))
    averages = ", ".join(f"s{w} / (100 * n{w}) AS a{w}" for w in range(len(WINDOWS)))
    inner = (f"SELECT b.time AS time, {columns} FROM batch b JOIN pay p ON p.key = b.key "
             f"AND p.time <= b.time AND p.time > b.time - {WINDOWS[-1]} GROUP BY b.time")
    return f"INSERT INTO answer SELECT *, {averages} FROM ({inner})"


def turn(base, time, key, cents, number):
    batch = {"time": time, "key": key, "cents": cents}
    base.register("incoming", batch)
    base.execute("CREATE OR REPLACE TEMP TABLE batch AS SELECT time, key::INTEGER AS key, "
                 "cents::DOUBLE AS cents FROM incoming")
    base.execute("INSERT INTO pay SELECT * FROM batch")
    base.execute(query())
    if number % TIDY_EVERY == TIDY_EVERY - 1:
        base.execute(f"DELETE FROM pay WHERE time <= {int(time[-1]) - WINDOWS[-1]}")


def main(events_path, values_path):
    stream = load(events_path)
    base = duckdb.connect(config={"threads": 1, "preserve_insertion_order": False})
    base.execute("CREATE TABLE pay (time BIGINT, key INTEGER, cents DOUBLE)")
    columns = ", ".join(f"n{w} BIGINT, s{w} DOUBLE" for w in range(len(WINDOWS)))
    averages = ", ".join(f"a{w} DOUBLE" for w in range(len(WINDOWS)))
    base.execute(f"CREATE TABLE answer (time BIGINT, {columns}, {averages})")
    parts = [[numpy.ascontiguousarray(stream[field][at:at + EPOCH])
              for field in ("time", "key", "cents")] for at in range(0, len(stream), EPOCH)]
    clock = Clock()
    for number, part in enumerate(parts):
        turn(base, *part, number)
    used = clock.read()
    rows = None
    if values_path != "-":
        answer = base.execute("SELECT * FROM answer ORDER BY time").fetchnumpy()
        rows = laid_out([answer[f"n{w}"] for w in range(len(WINDOWS))],
                        [answer[f"s{w}"] for w in range(len(WINDOWS))])
    finish(f"DuckDB {duckdb.__version__} by epochs", SETTINGS, used, len(stream), values_path, rows)


if __name__ == "__main__":
    main(*sys.argv[1:3])
