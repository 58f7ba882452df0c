"""Polars asked while the stream runs: 1,024 events at a time, the most that an epoch takes.

Each turn appends its events to what the longest window still reaches and asks for their values
before the next come, which is what a decision needs: only their keys' rows are rolled.
"""
import os
import sys

os.environ["POLARS_MAX_THREADS"] = "1"

import polars  # noqa: E402  (its threads are fixed when it is loaded)
from common import WINDOWS, Clock, finish, laid_out, load  # noqa: E402

EPOCH, TIDY_EVERY = 1024, 16
SETTINGS = f"POLARS_MAX_THREADS=1, turns of {EPOCH:,} events, semi join with their keys, rolling"


def values_of(history, batch):
    frame = history.join(batch.select("key").unique(), on="key", how="semi").sort("key", "time")
    parts = [frame.rolling("time", period=f"{length}ms", group_by="key", closed="right").agg(
        polars.len().alias(f"n{w}"), polars.col("cents").sum().alias(f"s{w}")
    ).select(f"n{w}", f"s{w}") for w, length in enumerate(WINDOWS)]
    return polars.concat([frame.select("i"), *parts], how="horizontal").filter(
        polars.col("i") >= batch["i"][0]).with_columns(
            (polars.col(f"s{w}") / (100.0 * polars.col(f"n{w}"))).alias(f"a{w}")
            for w in range(len(WINDOWS)))


def main(events_path, values_path):
    stream = load(events_path)
    frame = polars.DataFrame({field: stream[field].copy() for field in ("time", "key", "cents")})
    frame = frame.with_columns(
        polars.col("time").cast(polars.Datetime("ms")), polars.col("cents").cast(polars.Int64),
    ).with_row_index("i")
    batches = [frame.slice(at, EPOCH) for at in range(0, len(frame), EPOCH)]
    history, answers = frame.clear(), []
    clock = Clock()
    for number, batch in enumerate(batches):
        history.extend(batch)
        answers.append(values_of(history, batch))
        if number % TIDY_EVERY == TIDY_EVERY - 1:
            oldest = batch["time"][-1] - polars.duration(milliseconds=WINDOWS[-1])
            history = history.filter(polars.col("time") > oldest)
    used = clock.read()
    rows = None
    if values_path != "-":
        table = polars.concat(answers).sort("i")
        rows = laid_out([table[f"n{w}"].to_numpy() for w in range(len(WINDOWS))],
                        [table[f"s{w}"].to_numpy() for w in range(len(WINDOWS))])
    finish(f"Polars {polars.__version__} by epochs", SETTINGS, used, len(stream), values_path, rows)


if __name__ == "__main__":
    main(*sys.argv[1:3])
