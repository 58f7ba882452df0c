"""Polars: rolling sums and counts by time per key, one frame of all columns.

Tuned by its guide: one thread (POLARS_MAX_THREADS), DataFrame.rolling with group_by (several times
faster here than rolling_sum_by().over()), integer cents, averages divided from sums and counts. The
stream comes in the order of time, so the sort by key that rolling wants is part of the work.
"""
import os
import sys

os.environ["POLARS_MAX_THREADS"] = "1"

import polars  # noqa: E402  (its threads are fixed when it is loaded)
from common import WINDOWS, Clock, finish, laid_out, load  # noqa: E402

SETTINGS = "POLARS_MAX_THREADS=1, sort by key and time, rolling(group_by=key) for each window"


def framed(stream):
    frame = polars.DataFrame({field: stream[field].copy() for field in ("time", "key", "cents")})
    return frame.with_columns(
        polars.col("time").cast(polars.Datetime("ms")), polars.col("cents").cast(polars.Int64),
    ).with_row_index("i")


def rolled(frame):
    """Number and sum of every window for every row, sorted by key and time."""
    frame = frame.sort("key", "time")
    parts = [frame.rolling("time", period=f"{length}ms", group_by="key", closed="right").agg(
        polars.len().alias(f"n{w}"), polars.col("cents").sum().alias(f"s{w}")
    ).select(f"n{w}", f"s{w}") for w, length in enumerate(WINDOWS)]
    return polars.concat([frame.select("i"), *parts], how="horizontal")


def averaged(table):
    return table.with_columns((polars.col(f"s{w}") / (100.0 * polars.col(f"n{w}"))).alias(f"a{w}")
                              for w in range(len(WINDOWS)))


def rows_of(table):
    """What the caller compares."""
    table = table.sort("i")
    return laid_out([table[f"n{w}"].to_numpy() for w in range(len(WINDOWS))],
                    [table[f"s{w}"].to_numpy() for w in range(len(WINDOWS))])


def main(events_path, values_path):
    stream = load(events_path)
    frame = framed(stream)
    clock = Clock()
    table = averaged(rolled(frame))
    used = clock.read()
    rows = None if values_path == "-" else rows_of(table)
    finish(f"Polars {polars.__version__}", SETTINGS, used, len(stream), values_path, rows)


if __name__ == "__main__":
    main(*sys.argv[1:3])
