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
import json
import math
import re
import sys
from datetime import date
from decimal import Decimal

import yaml

LIMIT = 2 ** 53  # integers and scaled decimals stay below
MESSAGE_BYTES_MAX = 1 << 20
MEMBERS_MAX = 256
DEPTH_MAX = 32
UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


# ---------------------------------------------------------------------------------------------
# Definitions
# ---------------------------------------------------------------------------------------------
class Field:
    def __init__(self, name, spec):
        self.name, self.scale, self.dims, self.entity, self.optional = name, 0, 0, None, False
        if isinstance(spec, dict):
            self.entity = spec.get("entity")
            self.optional = spec.get("optional", False)
            spec = spec["type"]
        kind = re.fullmatch(r"(\w+)(?:\((\d+)\))?", spec)
        self.type = kind.group(1)
        if self.type == "decimal":
            self.scale = int(kind.group(2))
        if self.type == "vector":
            self.dims = int(kind.group(2))

    def cell(self, value):
        """A stored value as an expression sees it: float, bool, bytes or None."""
        if value is None or self.type == "bool" or isinstance(value, (bytes, tuple)):
            return value
        if self.type == "real":
            return value
        return value / 10 ** self.scale  # int / int is correctly rounded in Python


def duration(text):
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d|w)", str(text))
    if not found:
        raise ValueError(f"bad duration {text!r}")
    return int(found.group(1)) * UNIT_MS[found.group(2)]


class Event:
    """One applied event; fields by name, None when null."""
    __slots__ = ("type", "time", "id", "fields", "order")

    def __init__(self, kind, time, ident, fields, defs, type_index):
        self.type, self.time, self.id, self.fields = kind, time, ident, fields
        tie = tuple((0,) if fields[f.name] is None else (1, fields[f.name]) for f in defs)
        self.order = (time, (0,) if ident is None else (1, ident), type_index, tie)

    def __lt__(self, other):
        return self.order < other.order


# ---------------------------------------------------------------------------------------------
# JSON to events
# ---------------------------------------------------------------------------------------------
class Dead(Exception):
    pass


class Number(str):
    """A JSON number as it was written."""


def _no_constant(_):
    raise ValueError("NaN and Infinity are no JSON")


def _check_nested(value, depth):
    if isinstance(value, (list, _Object)):
        if depth >= DEPTH_MAX:
            raise Dead("depth")
        items = value if isinstance(value, list) else [v for _, v in value.pairs]
        if isinstance(value, _Object):
            for name, _ in value.pairs:
                _utf8(name)
        for item in items:
            _check_nested(item, depth + 1)
    elif isinstance(value, str) and not isinstance(value, Number):
        _utf8(value)


class _Object:
    def __init__(self, pairs):
        self.pairs = pairs


def _utf8(text):
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Dead("utf8") from None


_PARSER = json.JSONDecoder(object_pairs_hook=_Object, parse_float=Number, parse_int=Number,
                           parse_constant=_no_constant)


def scaled(number, scale):
    """A JSON number times 10^scale as an integer, or Dead."""
    value = Decimal(number)
    if value.is_zero():
        return 0
    if value.adjusted() + scale > 20:
        raise Dead("range")
    sign, digits, exponent = value.as_tuple()
    exponent += scale
    digits = list(digits)
    while digits[-1] == 0:
        digits.pop()
        exponent += 1
    if exponent < 0:
        raise Dead("precision")
    result = int("".join(map(str, digits))) * 10 ** exponent
    if result >= LIMIT:
        raise Dead("range")
    return -result if sign else result


_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
                      r"(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()


def instant(value):
    if isinstance(value, Number):
        try:
            return scaled(value, 0)
        except Dead:
            raise Dead("bad_time") from None
    found = _RFC3339.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise Dead("bad_time")
    year, month, day, hour, minute, second = (int(found.group(i)) for i in range(1, 7))
    fraction = found.group(7) or ""
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        raise Dead("bad_time") from None
    if hour > 23 or minute > 59 or second > 59 or fraction[3:].strip("0"):
        raise Dead("bad_time")
    shift = 0
    if found.group(9):
        if int(found.group(10)) > 23 or int(found.group(11)) > 59:
            raise Dead("bad_time")
        shift = int(found.group(10)) * 60 + int(found.group(11))
        shift = -shift if found.group(9) == "-" else shift
    seconds = ((days * 24 + hour) * 60 + minute - shift) * 60 + second
    return seconds * 1000 + int((fraction + "000")[:3])


def _plain_text(value):
    if not isinstance(value, str) or isinstance(value, Number):
        raise Dead("wrong_type")
    if "\0" in value:
        raise Dead("nul")
    return _utf8(value)


def _field_value(field, value):
    kind = field.type
    if kind in ("int", "decimal"):
        if not isinstance(value, Number):
            raise Dead("wrong_type")
        return scaled(value, field.scale)
    if kind == "real":
        if not isinstance(value, Number):
            raise Dead("wrong_type")
        real = float(value)
        if math.isinf(real):
            raise Dead("range")
        return real + 0.0
    if kind == "bool":
        if not isinstance(value, bool):
            raise Dead("wrong_type")
        return value
    if kind == "time":
        return instant(value)
    if kind == "key" and isinstance(value, Number):
        if not re.fullmatch(r"-?\d+", value):
            raise Dead("wrong_type")
        return str(int(value)).encode()
    if kind == "vector":
        if not isinstance(value, list) or not all(isinstance(v, Number) for v in value):
            raise Dead("wrong_type")
        if len(value) != field.dims:
            raise Dead("dims")
        return tuple(float(v) for v in value)
    return _plain_text(value)


def decode(definitions, line):
    """bytes of one line -> Event, or Dead with the reason."""
    if len(line) > MESSAGE_BYTES_MAX:
        raise Dead("too_long")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Dead("utf8") from None
    if not text.strip(" \t\r\n"):
        raise Dead("empty")
    try:
        message = _PARSER.decode(text)
    except (ValueError, RecursionError):
        raise Dead("syntax") from None
    if not isinstance(message, _Object):
        raise Dead("not_object")
    if len(message.pairs) > MEMBERS_MAX:
        raise Dead("members")
    members = {}
    for name, value in message.pairs:
        _utf8(name)
        _check_nested(value, 1)
        if name in members:
            raise Dead("duplicate_key")
        members[name] = value
    return _event_of(definitions, members)


def _event_of(definitions, members):
    if members.get("type") is None:
        raise Dead("no_type")
    kind = _plain_text(members["type"]).decode()
    if kind not in definitions.events:
        raise Dead("unknown_event")
    if members.get("time") is None:
        raise Dead("no_time")
    time = instant(members["time"])
    ident = None if members.get("id") is None else _plain_text(members["id"])
    fields = {}
    defs = definitions.events[kind]
    for field in defs:
        value = members.get(field.name)
        value = None if value is None else _field_value(field, value)
        if field.type == "key" and not value:
            value = None
            if not field.optional:
                raise Dead("missing_key")
        fields[field.name] = value
    return Event(kind, time, ident, fields, defs, definitions.event_index[kind])


# ---------------------------------------------------------------------------------------------
# The expression language
# ---------------------------------------------------------------------------------------------
_TOKEN = re.compile(r"""\s*(?:(?P<dur>\d+(?:ms|s|m|h|d|w)\b)
    |(?P<num>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<str>"[^"]*"|'[^']*')
    |(?P<name>[A-Za-z_]\w*)
    |(?P<op><=|>=|!=|[=<>+\-*/%()\[\],.@]))""", re.X)
AGGREGATES = {"count", "sum", "avg", "min", "max", "first", "last", "count_distinct",
              "time_since_first", "time_since_last"}


def lex(text):
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise ValueError(f"bad token at {at} of {text!r}")
        tokens.append((found.lastgroup, found.group(found.lastgroup)))
        at = found.end()
    tokens.append(("end", ""))
    return tokens


class Aggregate:
    def __init__(self, op, event, role, column):
        self.op, self.event, self.role, self.column = op, event, role, column
        self.where, self.exclude, self.delay = None, False, 0
        self.window, self.newest = None, None  # ms or None; n or None
        self.list = None                       # spans of a list, if one is given
        self.field = None


class Parser:
    """Text to a tree of tuples, tagged by their first member."""

    def __init__(self, text):
        self.tokens, self.at = lex(text), 0

    def peek(self):
        return self.tokens[self.at][1]

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, *words):
        for i, word in enumerate(words):
            kind, text = self.tokens[self.at + i] if self.at + i < len(self.tokens) else ("", "")
            if text != word or kind == "str":
                return False
        self.at += len(words)
        return True

    def expect(self, word):
        if not self.accept(word):
            raise ValueError(f"expected {word!r}, found {self.peek()!r}")

    def whole(self):
        tree = self.disjunction()
        if self.tokens[self.at][0] != "end":
            raise ValueError(f"unexpected {self.peek()!r}")
        return tree

    def disjunction(self):
        tree = self.conjunction()
        while self.accept("or"):
            tree = ("or", tree, self.conjunction())
        return tree

    def conjunction(self):
        tree = self.negation()
        while self.accept("and"):
            tree = ("and", tree, self.negation())
        return tree

    def negation(self):
        return ("not", self.comparison()) if self.accept("not") else self.comparison()

    def comparison(self):
        left = self.sum()
        for op in ("=", "!=", "<=", ">=", "<", ">"):
            if self.accept(op):
                return ("compare", op, left, self.sum())
        if self.accept("is"):
            negate = self.accept("not")
            self.expect("null")
            return ("is_null", negate, left)
        negate = self.accept("not")
        if self.accept("in"):
            self.expect("[")
            items = [self.literal()]
            while self.accept(","):
                items.append(self.literal())
            self.expect("]")
            return ("in", negate, left, items)
        return left

    def literal(self):
        sign = -1.0 if self.accept("-") else 1.0
        kind, text = self.take()
        if kind == "num":
            return ("literal", sign * float(text))
        if kind == "dur":
            return ("literal", sign * float(duration(text)))
        if kind == "str":
            return ("literal", text[1:-1].encode())
        if text in ("true", "false"):
            return ("literal", text == "true")
        raise ValueError(f"no literal: {text!r}")

    def sum(self):
        tree = self.product()
        while self.peek() in ("+", "-"):
            tree = ("math", self.take()[1], tree, self.product())
        return tree

    def product(self):
        tree = self.unary()
        while self.peek() in ("*", "/", "%"):
            tree = ("math", self.take()[1], tree, self.unary())
        return tree

    def unary(self):
        if self.accept("-"):
            return ("math", "-", ("literal", -0.0), self.primary())
        return self.primary()

    def primary(self):
        kind, text = self.tokens[self.at]
        if kind in ("num", "str", "dur") or text in ("true", "false"):
            return self.literal()
        if self.accept("("):
            tree = self.disjunction()
            self.expect(")")
            return tree
        if kind != "name":
            raise ValueError(f"unexpected {text!r}")
        self.take()
        if self.accept("("):
            return self.aggregate(text) if text in AGGREGATES else self.call(text)
        path = [text]
        while self.accept("."):
            path.append(self.take()[1])
        return ("path", tuple(path))

    def call(self, name):
        args = [self.disjunction()]
        while self.accept(","):
            args.append(self.disjunction())
        self.expect(")")
        return ("call", name, args)

    def aggregate(self, op):
        event = self.take()[1]
        role = self.take()[1] if self.accept("@") else None
        column = self.take()[1] if self.accept(".") else None
        self.expect(")")
        found = Aggregate(op, event, role, column)
        if self.accept("where"):
            found.where = self.disjunction()
        if self.accept("exclude"):
            self.expect("current")
            found.exclude = True
        if self.accept("over"):
            if self.accept("["):
                found.list = [self.span()]
                while self.accept(","):
                    found.list.append(self.span())
                self.expect("]")
            else:
                found.window, found.newest, _ = self.span()
        if self.accept("delay"):
            found.delay = duration(self.take()[1])
        return ("aggregate", found)

    def span(self):
        """(window ms or None, newest n or None, suffix)"""
        if self.accept("lifetime"):
            return None, None, "lifetime"
        if self.accept("last"):
            count = self.take()[1]
            return None, int(count), f"last{count}"
        text = self.take()[1]
        if self.accept("last"):
            count = self.take()[1]
            return duration(text), int(count), f"{text}_last{count}"
        return duration(text), None, text


def finite(value):
    return value if math.isfinite(value) else None


def arithmetic(op, a, b):
    if a is None or b is None:
        return None
    try:
        if op == "+":
            return finite(a + b)
        if op == "-":
            return finite(a - b)
        if op == "*":
            return finite(a * b)
        if op == "/":
            return finite(a / b) if b != 0 else None
        return finite(math.fmod(a, b)) if b != 0 else None
    except OverflowError:
        return None


def round_half_away(x):
    whole = math.trunc(x)
    return float(whole + (math.copysign(1, x) if abs(x - whole) >= 0.5 else 0))


def hour_of(ms):
    return float(int(ms) // 3_600_000 % 24)


def weekday_of(ms):
    """1 is Monday (ISO 8601); 1970-01-01 was a Thursday."""
    return float((int(ms) // 86_400_000 + 3) % 7 + 1)


def guarded(function):
    def call(*args):
        if any(a is None for a in args):
            return None
        try:
            return finite(function(*args))
        except (ValueError, OverflowError):
            return None
    return call


FUNCTIONS = {
    "abs": guarded(abs),
    "floor": guarded(lambda x: float(math.floor(x))),
    "ceil": guarded(lambda x: float(math.ceil(x))),
    "round": guarded(round_half_away),
    "sqrt": guarded(math.sqrt),
    "log": guarded(math.log),
    "exp": guarded(math.exp),
    "least": guarded(min),
    "greatest": guarded(max),
    "hour": guarded(hour_of),
    "weekday": guarded(weekday_of),
}
COMPARE = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}


def both(a, b):
    if a is False or b is False:
        return False
    return None if a is None or b is None else True


def either(a, b):
    if a is True or b is True:
        return True
    return None if a is None or b is None else False


def evaluate(tree, scope):
    """scope: path(path) and aggregate(Aggregate) give a cell."""
    tag = tree[0]
    if tag == "literal":
        return tree[1]
    if tag == "path":
        return scope.path(tree[1])
    if tag == "aggregate":
        return scope.aggregate(tree[1])
    if tag == "math":
        return arithmetic(tree[1], evaluate(tree[2], scope), evaluate(tree[3], scope))
    if tag == "compare":
        a, b = evaluate(tree[2], scope), evaluate(tree[3], scope)
        return None if a is None or b is None else COMPARE[tree[1]](a, b)
    if tag == "and":
        return both(evaluate(tree[1], scope), evaluate(tree[2], scope))
    if tag == "or":
        return either(evaluate(tree[1], scope), evaluate(tree[2], scope))
    if tag == "not":
        value = evaluate(tree[1], scope)
        return None if value is None else not value
    if tag == "is_null":
        return (evaluate(tree[2], scope) is None) != tree[1]
    if tag == "in":
        value = evaluate(tree[2], scope)
        return None if value is None else (value in [i[1] for i in tree[3]]) != tree[1]
    return _evaluate_call(tree[1], tree[2], scope)


def _evaluate_call(name, args, scope):
    if name == "if":
        return evaluate(args[1] if evaluate(args[0], scope) is True else args[2], scope)
    values = [evaluate(a, scope) for a in args]
    if name == "coalesce":
        return next((v for v in values if v is not None), None)
    return FUNCTIONS[name](*values)


class FilterScope:
    """Inside `where`: bare names are fields of the event that is looked at."""

    def __init__(self, fields, event):
        self.fields, self.event = fields, event

    def path(self, path):
        if path == ("time",):
            return float(self.event.time)
        name = path[-1]
        return self.fields[name].cell(self.event.fields[name])


# ---------------------------------------------------------------------------------------------
# Definitions of features and their values
# ---------------------------------------------------------------------------------------------
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
        for entity, features in doc["features"].items():
            rows = self.features.setdefault(entity, [])
            for name, source in features.items():
                rows.extend(self._expand(entity, name, Parser(str(source)).whole()))

    def _expand(self, entity, name, tree):
        if tree[0] == "aggregate" and tree[1].list is not None:
            for window, newest, suffix in tree[1].list:
                one = Aggregate(tree[1].op, tree[1].event, tree[1].role, tree[1].column)
                one.where, one.exclude, one.delay = tree[1].where, tree[1].exclude, tree[1].delay
                one.window, one.newest = window, newest
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
        field = aggregate.field
        if field is None:
            return float(len(events))  # count(e)
        values = [e.fields[field.name] for e in events if e.fields[field.name] is not None]
        return reduce(aggregate.op, field, values)

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
        if aggregate.newest is not None:
            events = events[-aggregate.newest:]
        return events


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
    chosen = {"min": min, "max": max, "first": lambda v: v[0], "last": lambda v: v[-1]}[op](values)
    return field.cell(chosen)


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
        self._run([Partition(lines) for lines in inputs])

    def _columns(self):
        """[(title, role, entity, feature)]"""
        columns = []
        for entity, features in self.definitions.features.items():
            roles = self.definitions.roles(self.on, entity)
            for role in roles:
                prefix = entity if len(roles) == 1 else role
                columns += [(f"{prefix}.{name}", role, entity, name) for name, _ in features]
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
