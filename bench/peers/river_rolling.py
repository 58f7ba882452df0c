"""river: one utils.TimeRolling a key and window, over a class that counts and adds up.

TimeRolling asks for a class with update and revert; river's own Count has no revert and its Mean
drifts, so the class below keeps what is exact: a count and whole cents, one queue a window instead
of two. TimeRolling compares datetimes, as its interface demands; they are made before the clock
starts.
"""
import datetime
import gc
import importlib.metadata
import sys

from common import WINDOWS, Clock, finish, laid_out, load
from river.utils import TimeRolling

SETTINGS = "TimeRolling over a count-and-sum class, one per key and window; gc off"
PERIODS = [datetime.timedelta(milliseconds=length) for length in WINDOWS]


class CountAndSum:
    __slots__ = ("count", "cents")

    def __init__(self):
        self.count = self.cents = 0

    def update(self, cents):
        self.count += 1
        self.cents += cents

    def revert(self, cents):
        self.count -= 1
        self.cents -= cents


def main(events_path, values_path):
    stream = load(events_path)
    epoch = datetime.datetime(1970, 1, 1)
    times = [epoch + datetime.timedelta(milliseconds=t) for t in stream["time"].tolist()]
    keys, amounts = stream["key"].tolist(), stream["cents"].tolist()
    windows_of, counts, sums = {}, [[] for _ in WINDOWS], [[] for _ in WINDOWS]
    gc.disable()
    clock = Clock()
    for key, time, cents in zip(keys, times, amounts):
        rolling = windows_of.get(key)
        if rolling is None:
            rolling = windows_of[key] = [TimeRolling(CountAndSum, period) for period in PERIODS]
        for window, count, total in zip(rolling, counts, sums):
            window.update(cents, t=time)
            state = window.obj
            count.append(state.count)
            total.append(state.cents)
    used = clock.read()
    finish(f"river {importlib.metadata.version('river')}", SETTINGS, used, len(stream),
           values_path, laid_out(counts, sums) if values_path != "-" else None)


if __name__ == "__main__":
    main(*sys.argv[1:3])
