#!/usr/bin/env python3
"""An independent judge: what the rows of a replay must be, written from docs/design.md alone.

Every value is computed by brute force from the list of applied events of the key, at every trigger,
with exact rational arithmetic. Nothing is shared with the engine, neither code nor method: slow and
plain is the point.

    tests/prop/oracle.py features.yaml --on EVENT [--rows OUT.csv] INPUT.jsonl...
"""
import argparse
import bisect
import collections
import math
import sys

import yaml

import oracle_calendar as calendar
from oracle_events import LIMIT, Dead, Field, decode
from oracle_language import (LISTS, Aggregate, FilterScope, Parser, duration, evaluate, finite)


class Definitions:
    def __init__(self, text):
        doc = yaml.safe_load(text)
        self.lateness = duration(doc["lateness"])
        self.events = {name: [Field(f, spec) for f, spec in (body or {}).get("fields", {}).items()]
                       for name, body in doc["events"].items()}
        self.event_index = {name: i for i, name in enumerate(self.events)}
        self.expire = {}
        for name, body in (doc.get("entities") or {}).items():
            self.expire[name] = duration(body["expire"]) if body and "expire" in body else None
        self.features = {}    # entity -> [(name, tree)] in file order
        self.aggregates = []  # every Aggregate, for the index of the state
        for entity, features in (doc["features"] or {}).items():
            rows = self.features.setdefault(entity, [])
            for name, source in features.items():
                rows.extend(self._expand(entity, name, Parser(str(source)).whole()))

    def _expand(self, entity, name, tree):
        if tree[0] == "aggregate" and tree[1].list is not None:
            for window, newest, suffix, special in tree[1].list:
                one = Aggregate(tree[1].op, tree[1].event, tree[1].role, tree[1].column)
                one.where, one.exclude, one.delay = tree[1].where, tree[1].exclude, tree[1].delay
                one.window, one.newest, one.args = window, newest, tree[1].args
                one.special = special
                self._bind(entity, one)
                yield f"{name}_{suffix}", ("aggregate", one)
            return
        self._bind_all(entity, tree)
        yield name, tree

    def _bind_all(self, entity, tree):
        if tree[0] == "aggregate":
            self._bind(entity, tree[1])
            return
        for part in tree:
            for item in part if isinstance(part, list) else [part]:
                if isinstance(item, tuple) and item and isinstance(item[0], str):
                    self._bind_all(entity, item)

    def _bind(self, entity, aggregate):
        roles = self.roles(aggregate.event, entity)
        if aggregate.role is None:
            if len(roles) != 1:
                raise ValueError(f"{aggregate.event}: say which role")
            aggregate.role = roles[0]
        if aggregate.role not in roles:
            raise ValueError(f"{aggregate.event}@{aggregate.role} is no key of {entity}")
        fields = {f.name: f for f in self.events[aggregate.event]}
        aggregate.field = fields[aggregate.column] if aggregate.column else None
        aggregate.fields = fields
        aggregate.entity = entity
        self.aggregates.append(aggregate)
        if aggregate.special and aggregate.special[0] == "since":
            self._bind(entity, aggregate.special[1])

    def roles(self, event, entity):
        return [f.name for f in self.events[event] if f.type == "key" and f.entity == entity]


class Log:
    """Events in (time, id, fields) order."""

    def __init__(self):
        self.events, self.times = [], []

    def add(self, event):
        at = bisect.bisect_right(self.events, event)
        self.events.insert(at, event)
        self.times.insert(at, event.time)


class State:
    def __init__(self, definitions):
        self.definitions = definitions
        self.touched = collections.defaultdict(Log)  # (entity, key): every event naming it
        self.passing = [collections.defaultdict(Log) for _ in definitions.aggregates]
        self.by_event = collections.defaultdict(list)
        for i, aggregate in enumerate(definitions.aggregates):
            aggregate.index = i
            self.by_event[aggregate.event].append(aggregate)

    def apply(self, event):
        named = set()
        for field in self.definitions.events[event.type]:
            key = event.fields[field.name]
            if field.type == "key" and key is not None:
                named.add((field.entity, key))
        for name in named:
            self.touched[name].add(event)
        for aggregate in self.by_event[event.type]:
            key = event.fields[aggregate.role]
            if key is None:
                continue
            if aggregate.where is not None:
                if evaluate(aggregate.where, FilterScope(aggregate.fields, event)) is not True:
                    continue
            self.passing[aggregate.index][key].add(event)

    def living_from(self, entity, key, safe):
        """Time of the first event that an event no older than `safe` might join; None: the key is
        dead. Without `expire`, or while any event may come, nothing dies."""
        expire, times = self.definitions.expire.get(entity), self.touched[(entity, key)].times
        if expire is None or safe is None:
            return times[0]
        at = len(times)
        while at > 0 and (times[at - 1] + expire >= safe or
                          at < len(times) and times[at] - times[at - 1] <= expire):
            at -= 1
        return times[at] if at < len(times) else None

    def forgotten_before(self, entity, key, safe):
        """As of earlier times the key may have known what is gone by now; None: nothing is."""
        if self.definitions.expire.get(entity) is None or safe is None:
            return None
        living = self.living_from(entity, key, safe) if (entity, key) in self.touched else None
        return safe if living is None else min(safe, living)

    def alive_from(self, entity, key, t):
        """Time of the first event since the key last started anew, as seen at t; None: no event."""
        expire = self.definitions.expire.get(entity)
        times = self.touched[(entity, key)].times
        at = bisect.bisect_right(times, t)
        if at == 0:
            return None
        if expire is None:
            return times[0]
        if t - times[at - 1] > expire:
            return None
        while at > 1 and times[at - 1] - times[at - 2] <= expire:
            at -= 1
        return times[at - 1]


class Reader:
    """The features of one (entity, key) at t, as event `current` sees them."""

    def __init__(self, state, entity, key, t, current):
        self.state, self.entity, self.key, self.t, self.current = state, entity, key, t, current
        self.features = dict(state.definitions.features.get(entity, []))
        self.alive = state.alive_from(entity, key, t)
        self.done = {}

    def feature(self, name):
        if name not in self.done:
            value = evaluate(self.features[name], self)
            if isinstance(value, float):
                value = finite(value)
            self.done[name] = value
        return self.done[name]

    def path(self, path):
        if len(path) == 2:
            event, name = path
            if event == self.entity and event not in self.state.definitions.events:
                return self.feature(name)
            if self.current is None or self.current.type != event:
                return None
            field = next(f for f in self.state.definitions.events[event] if f.name == name)
            return field.cell(self.current.fields[name])
        if path == ("time",):
            return None if self.current is None else float(self.current.time)
        if path == ("at",):
            return float(self.t)
        return self.feature(path[0])

    def aggregate(self, aggregate):
        events = self.window(aggregate)
        if aggregate.op == "time_since_first":
            return float(self.t - events[0].time) if events else None
        if aggregate.op == "time_since_last":
            return float(self.t - events[-1].time) if events else None
        if aggregate.op in ("interarrival_mean", "interarrival_std", "longest_gap"):
            return rhythm(aggregate.op, [e.time for e in events])
        if aggregate.op == "active_days":
            zone = aggregate.args.get("", aggregate.args.get("zone", b"UTC")).decode()
            days = {calendar.bucket(zone, "day", 0, e.time) for e in events}
            return float(len(days)) if days else None
        field = aggregate.field
        if field is None:
            return float(len(events))  # count(e)
        if aggregate.op == "is_new":
            return self.novelty(aggregate, events)
        values = [e.fields[field.name] for e in events if e.fields[field.name] is not None]
        if aggregate.op in ("first_k", "last_k", "lag"):
            k = int(aggregate.args.get("", aggregate.args.get("k")))
            newest_first = [field.cell(v) for v in reversed(values)]
            if aggregate.op == "lag":
                return newest_first[k] if k < len(values) else None
            return newest_first[:k] if aggregate.op == "last_k" else newest_first[::-1][:k]
        return reduce(aggregate.op, field, values)

    def novelty(self, aggregate, events):
        """1.0 if no other event of the window has the current event's value."""
        now, name = self.current, aggregate.field.name
        if now is None or now.type != aggregate.event or now.fields[aggregate.role] != self.key:
            return None
        if now.fields[name] is None:
            return None
        known = any(e is not now and e.fields[name] == now.fields[name] for e in events)
        return 0.0 if known else 1.0

    def window(self, aggregate):
        log = self.state.passing[aggregate.index].get(self.key)
        if log is None or self.alive is None:
            return []
        newest = self.t - aggregate.delay
        high = bisect.bisect_right(log.times, newest)
        low = bisect.bisect_left(log.times, self.alive)
        if aggregate.window is not None:
            low = max(low, bisect.bisect_right(log.times, newest - aggregate.window))
        events = log.events[low:high]
        if aggregate.exclude:
            events = [e for e in events if e is not self.current]
        if aggregate.special is not None:
            events = getattr(self, aggregate.special[0])(events, newest, *aggregate.special[1:])
        if aggregate.newest is not None:
            events = events[-aggregate.newest:]
        return events


    def session(self, events, newest, gap):
        """The last run of events with no gap above the limit, unless it is over by now."""
        if not events or newest - events[-1].time > gap:
            return []
        begin = len(events) - 1
        while begin > 0 and events[begin].time - events[begin - 1].time <= gap:
            begin -= 1
        return events[begin:]

    def since(self, events, newest, mark):
        """What comes after the last mark in the order of events; everything if there is none."""
        marks = self.state.passing[mark.index].get(self.key)
        marks = [] if marks is None else [e for e in marks.events
                                          if self.alive <= e.time <= newest]
        return [e for e in events if marks[-1] < e] if marks else events

    def calendar(self, events, newest, unit, back, zone):
        begin, end = calendar.bucket(zone, unit, back, newest)
        return [e for e in events if begin <= e.time < end]


def rhythm(op, times):
    """Of the gaps between events that follow each other, ms; their deviation with n - 1."""
    gaps = [b - a for a, b in zip(times, times[1:])]
    if not gaps:
        return None
    if op == "longest_gap":
        return float(max(gaps))
    if op == "interarrival_mean":
        return sum(gaps) / len(gaps)
    return moment("stddev_samp", Field("gap", "int"), gaps)


def reduce(op, field, values):
    """The column's non-null values of the window, oldest first -> a cell."""
    if op == "count":
        return float(len(values))
    if op == "count_distinct":
        return float(len(set(values)))
    if op == "sum":
        return sum(values) / 10 ** field.scale
    if not values:
        return None
    if op == "avg":
        return sum(values) / (len(values) * 10 ** field.scale)
    if op == "range":
        return (max(values) - min(values)) / 10 ** field.scale
    if op in MOMENTS:
        return moment(op, field, values)
    chosen = {"min": min, "max": max, "first": lambda v: v[0], "last": lambda v: v[-1]}[op](values)
    return field.cell(chosen)


MOMENTS = ("var_pop", "var_samp", "stddev_pop", "stddev_samp", "cv")


def moment(op, field, values):
    """From the squared deviations, all in integers; int / int is correctly rounded in Python."""
    n, total = len(values), sum(values)
    squares = sum((n * v - total) ** 2 for v in values)  # n^2 times the sum of squared deviations
    free = n - 1 if op.endswith("_samp") else n
    if free == 0:
        return None
    variance = squares / (n ** 2 * free * 10 ** (2 * field.scale))
    if op.startswith("var"):
        return variance
    if op == "cv":
        mean = reduce("avg", field, values)
        return None if mean == 0 else math.sqrt(variance) / mean
    return math.sqrt(variance)


# ---------------------------------------------------------------------------------------------
# Replay
# ---------------------------------------------------------------------------------------------
class Partition:
    """One input file: its lines, its watermark, the ids it remembers."""

    def __init__(self, lines):
        self.lines = collections.deque(lines)
        self.watermark = None
        self.ids = {}
        self.head = None  # next event, once decoded

    def admit(self, event, lateness):
        """'' or the reason for setting the event aside."""
        if self.watermark is not None:
            oldest = self.watermark - lateness
            if event.time < oldest:
                return "late"
            if event.id is not None and self.ids.get(event.id, oldest - 1) >= oldest:
                return "duplicate"
        if event.id is not None:
            self.ids[event.id] = event.time
        if self.watermark is None or event.time > self.watermark:
            self.watermark = event.time
        return ""


class Replay:
    """Run inputs (lists of byte lines) and collect the rows of one event type."""

    def __init__(self, text, inputs, on):
        self.definitions = Definitions(text)
        self.state = State(self.definitions)
        self.on = on
        self.aside = collections.Counter()
        self.columns = self._columns()
        self.rows = []
        partitions = [Partition(lines) for lines in inputs]
        self._run(partitions)
        marks = [p.watermark for p in partitions]
        # No event older than this is accepted any more; None: one may be, however old.
        self.safe = None if None in marks else min(marks) - self.definitions.lateness

    def keys(self):
        """How many keys are not dead."""
        return sum(self.state.living_from(entity, key, self.safe) is not None
                   for entity, key in list(self.state.touched))

    def _columns(self):
        """[(title, role, entity, feature)]"""
        columns = []
        for entity, features in self.definitions.features.items():
            roles = self.definitions.roles(self.on, entity)
            for role in roles:
                prefix = entity if len(roles) == 1 else role
                columns += [(f"{prefix}.{name}", role, entity, name) for name, tree in features
                            if not (tree[0] == "aggregate" and tree[1].op in LISTS)]
        return columns

    def _next(self, partitions):
        """The next event by the smallest next event time, the earlier input first among equals."""
        best = None
        for partition in partitions:
            while partition.head is None and partition.lines:
                try:
                    partition.head = decode(self.definitions, partition.lines.popleft())
                except Dead as dead:
                    self.aside[str(dead)] += 1
            if partition.head and (best is None or partition.head.time < best.head.time):
                best = partition
        return best

    def _run(self, partitions):
        while True:
            partition = self._next(partitions)
            if partition is None:
                return
            event, partition.head = partition.head, None
            aside = partition.admit(event, self.definitions.lateness)
            if aside:
                self.aside[aside] += 1
                continue
            self.aside["applied"] += 1
            self.state.apply(event)
            if event.type == self.on:
                self.rows.append(self._row(event))

    def _row(self, event):
        readers = {}
        row = [event.id, event.time]
        for _, role, entity, name in self.columns:
            key = event.fields[role]
            if key is None:
                row.append(None)
                continue
            if role not in readers:
                readers[role] = Reader(self.state, entity, key, event.time, event)
            row.append(readers[role].feature(name))
        return row

    def csv(self):
        lines = [",".join(["event_id", "time"] + [c[0] for c in self.columns]).encode()]
        lines += [b",".join(map(csv_cell, row)) for row in self.rows]
        return b"".join(line + b"\n" for line in lines)


def number_text(value):
    if value == math.trunc(value) and abs(value) < LIMIT:
        return "%d" % value
    for digits in (15, 16, 17):
        text = "%.*g" % (digits, value)
        if float(text) == value:
            break
    return text


def csv_cell(value):
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"1" if value else b"0"
    if isinstance(value, bytes):
        if any(c in value for c in b'",\r\n'):
            return b'"' + value.replace(b'"', b'""') + b'"'
        return value
    return number_text(value).encode()


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("features")
    options.add_argument("--on", required=True)
    options.add_argument("--rows")
    options.add_argument("inputs", nargs="+")
    args = options.parse_args()
    inputs = []
    for path in args.inputs:
        with open(path, "rb") as file:
            inputs.append([line.removesuffix(b"\n").removesuffix(b"\r") for line in file])
    with open(args.features, encoding="utf-8") as file:
        replay = Replay(file.read(), inputs, args.on)
    if args.rows:
        with open(args.rows, "wb") as file:
            file.write(replay.csv())
    else:
        sys.stdout.buffer.write(replay.csv())
    print(dict(replay.aside), file=sys.stderr)


if __name__ == "__main__":
    main()
