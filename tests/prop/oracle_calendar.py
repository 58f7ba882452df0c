"""The judge's calendar: civil time by Python's zoneinfo, buckets by the plain words of the contract.

A bucket begins at the first instant whose civil time is that of its beginning or later; a bucket in
which no instant lies is none.
"""
import functools
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1)
HOUR, DAY = 3_600_000, 86_400_000


@functools.lru_cache(maxsize=None)
def _zone(name):
    return ZoneInfo(name)


def local(name, ms):
    """What the zone's clock shows, as ms since 1970-01-01T00:00 on that clock."""
    instant = (EPOCH + timedelta(seconds=ms // 1000)).replace(tzinfo=timezone.utc)
    return ms + int(instant.astimezone(_zone(name)).utcoffset().total_seconds()) * 1000


@functools.lru_cache(maxsize=1 << 18)
def first(name, civil):
    """The first instant at which the zone's clock shows `civil` or later."""
    shown = EPOCH + timedelta(milliseconds=civil)
    offset = shown.replace(tzinfo=_zone(name), fold=0).utcoffset().total_seconds()
    late = civil - int(offset) * 1000
    if local(name, late) == civil:
        return late
    early = late - 26 * HOUR  # the clock jumps over `civil`: at which instant?
    while late - early > 1:
        middle = (early + late) // 2
        if local(name, middle) >= civil:
            late = middle
        else:
            early = middle
    return late


def unit_begin(unit, civil):
    """Where the unit of civil time that holds `civil` begins."""
    if unit == "hour":
        return civil - civil % HOUR
    day = EPOCH + timedelta(days=civil // DAY)
    if unit == "week":
        day -= timedelta(days=day.weekday())
    if unit == "month":
        day = day.replace(day=1)
    return (day - EPOCH).days * DAY


def after(unit, begin):
    """Where the unit after the one that begins at `begin` begins."""
    longest = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 31 * DAY}[unit]
    return unit_begin(unit, begin + longest)


def bucket(name, unit, back, ms):
    """[begin, end) of the bucket that holds an instant, or of the back-th before it."""
    civil = unit_begin(unit, local(name, ms))
    while first(name, after(unit, civil)) <= ms:
        civil = after(unit, civil)
    begin, end = first(name, civil), first(name, after(unit, civil))
    while back > 0:
        civil = unit_begin(unit, civil - 1)
        if first(name, civil) < begin:
            begin, end, back = first(name, civil), begin, back - 1
    return begin, end
