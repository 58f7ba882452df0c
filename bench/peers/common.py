"""What the peers of the feature benchmark share: the stream, the windows, how they answer.

A peer is a program of its own: `peer.py EVENTS VALUES [WINDOWS]` reads the stream from EVENTS,
computes count, sum and average of every window for every event (the event included, others of its
key with t - window < time <= t), keeps all values in memory, and prints one JSON object: the CPU
seconds of that, without loading and start-up, and its settings. When VALUES is not "-" it then
writes every value there, as f64, in the order of events and features; the caller compares them bit
for bit.

Keys are integers here: a peer is spared the text that Assay hashes.
"""
import json
import resource
import sys
import time

import numpy

# Lengths in ms, ascending; a third argument of a peer replaces them: "60000,300000".
WINDOWS = ([int(length) for length in sys.argv[3].split(",")] if len(sys.argv) > 3 else
           [60_000, 300_000, 3_600_000, 86_400_000, 259_200_000, 604_800_000])
EVENT = numpy.dtype([("time", "<i8"), ("key", "<u4"), ("cents", "<u4"), ("device", "<u4"),
                     ("unused", "<u4")])


def load(path):
    return numpy.fromfile(path, EVENT)


class Clock:
    """CPU seconds of this process, all threads and the kernel's work for it, and wall seconds."""

    def __init__(self):
        self.cpu, self.wall = self.used(), time.monotonic()

    @staticmethod
    def used():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def read(self):
        return {"cpu_s": self.used() - self.cpu, "wall_s": time.monotonic() - self.wall}


def laid_out(counts, sums):
    """Rows of features as Assay gives them, from whole counts and cents: one array a window."""
    counts = [numpy.asarray(count, dtype=numpy.float64) for count in counts]
    cents = [numpy.asarray(total, dtype=numpy.float64) for total in sums]
    # One IEEE division each: the f64 nearest to the exact quotient.
    return numpy.column_stack(counts + [c / 100.0 for c in cents]
                              + [c / (100.0 * n) for c, n in zip(cents, counts)])


def finish(name, settings, clock, events, values_path, values):
    """Print the result; write the values for the caller to compare."""
    if values_path != "-":
        numpy.ascontiguousarray(values, dtype=numpy.float64).tofile(values_path)
    print(json.dumps({"peer": name, "events": events, "settings": settings, **clock}))
    sys.stdout.flush()
