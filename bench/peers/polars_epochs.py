"""Polars asked while the stream runs: 1,024 events at a time, the most that an epoch takes.

Each turn appends its events to what the longest window still reaches and asks for their values
before the next come, which is what a decision needs: only their keys' rows are rolled.
"""
import sys

from polars_rolling import averaged, framed, polars, rolled, rows_of  # sets its threads first
from common import WINDOWS, Clock, finish, load

EPOCH, TIDY_EVERY = 1024, 16
SETTINGS = f"POLARS_MAX_THREADS=1, turns of {EPOCH:,} events, semi join with their keys, rolling"


def values_of(history, batch):
    frame = history.join(batch.select("key").unique(), on="key", how="semi")
    return averaged(rolled(frame).filter(polars.col("i") >= batch["i"][0]))


def main(events_path, values_path):
    stream = load(events_path)
    frame = framed(stream)
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
    rows = None if values_path == "-" else rows_of(polars.concat(answers))
    finish(f"Polars {polars.__version__} by epochs", SETTINGS, used, len(stream), values_path, rows)


if __name__ == "__main__":
    main(*sys.argv[1:3])
