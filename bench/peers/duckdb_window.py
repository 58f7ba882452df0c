"""DuckDB: one window query over a table in memory, result materialised as a table.

Tuned by its guide: one thread as the contest demands, no insertion order to preserve, amounts as
DOUBLE (whole cents, so exact; HUGEINT sums are slower), time as BIGINT ms (faster than INTERVAL),
averages divided from sums and counts.
"""
import sys

import duckdb
from common import WINDOWS, Clock, finish, laid_out, load

SETTINGS = "threads=1, preserve_insertion_order=false, in memory, DOUBLE cents, BIGINT ms"


def query():
    columns, windows = ["i"], []
    for name, length in enumerate(WINDOWS):
        columns.append(f"count(*) OVER w{name} AS n{name}")
        columns.append(f"sum(cents) OVER w{name} AS s{name}")
        windows.append(f"w{name} AS (PARTITION BY key ORDER BY time RANGE BETWEEN "
                       f"{length - 1} PRECEDING AND CURRENT ROW)")
    inner = f"SELECT {', '.join(columns)} FROM pay WINDOW {', '.join(windows)}"
    averages = ", ".join(f"s{name} / (100 * n{name}) AS a{name}" for name in range(len(WINDOWS)))
    return f"CREATE TABLE answer AS SELECT *, {averages} FROM ({inner})"


def main(events_path, values_path):
    stream = load(events_path)
    base = duckdb.connect(config={"threads": 1, "preserve_insertion_order": False})
    columns = {field: stream[field].copy() for field in ("time", "key", "cents")}  # noqa: F841
    base.execute("CREATE TABLE pay AS SELECT (row_number() OVER ())::INTEGER - 1 AS i, "
                 "time, key::INTEGER AS key, "
                 "cents::DOUBLE AS cents FROM columns")
    clock = Clock()
    base.execute(query())
    used = clock.read()
    rows = None
    if values_path != "-":
        answer = base.execute("SELECT * FROM answer ORDER BY i").fetchnumpy()
        rows = laid_out([answer[f"n{name}"] for name in range(len(WINDOWS))],
                        [answer[f"s{name}"] for name in range(len(WINDOWS))])
        assert all((answer[f"a{name}"] == rows[:, 2 * len(WINDOWS) + name]).all()
                   for name in range(len(WINDOWS))), "averages"
    finish(f"DuckDB {duckdb.__version__}", SETTINGS, used, len(stream), values_path, rows)


if __name__ == "__main__":
    main(*sys.argv[1:3])
