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


def rolled(frame, name):
    return frame.rolling("time", period=f"{WINDOWS[name]}ms", group_by="key", closed="right").agg(
        polars.len().alias(f"n{name}"), polars.col("cents").sum().alias(f"s{name}"))


def answer(frame):
    frame = frame.sort("key", "time")
    parts = [rolled(frame, name).select(f"n{name}", f"s{name}") for name in range(len(WINDOWS))]
    table = polars.concat([frame.select("i"), *parts], how="horizontal")
    return table.with_columns(
        (polars.col(f"s{name}") / (100.0 * polars.col(f"n{name}"))).alias(f"a{name}")
        for name in range(len(WINDOWS)))


def main(events_path, values_path):
    stream = load(events_path)
    frame = polars.DataFrame({field: stream[field].copy() for field in ("time", "key", "cents")})
    frame = frame.with_columns(
        polars.col("time").cast(polars.Datetime("ms")), polars.col("cents").cast(polars.Int64),
    ).with_row_index("i")
    clock = Clock()
    table = answer(frame)
    used = clock.read()
    rows = None
    if values_path != "-":
        table = table.sort("i")
        rows = laid_out([table[f"n{name}"].to_numpy() for name in range(len(WINDOWS))],
                        [table[f"s{name}"].to_numpy() for name in range(len(WINDOWS))])
    finish(f"Polars {polars.__version__}", SETTINGS, used, len(stream), values_path, rows)


if __name__ == "__main__":
    main(*sys.argv[1:3])
