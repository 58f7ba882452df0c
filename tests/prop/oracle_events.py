"""The judge's events: fields of their types, and JSON lines to events or the reason why not."""
import json
import math
import re
from datetime import date
from decimal import Decimal

LIMIT = 2 ** 53  # integers and scaled decimals stay below
MESSAGE_BYTES_MAX = 1 << 20
KEY_BYTES_MAX, TEXT_BYTES_MAX = 1 << 10, 1 << 16
MEMBERS_MAX = 256
DEPTH_MAX = 32


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


class Event:
    """One applied event; fields by name, None when null."""
    __slots__ = ("type", "time", "id", "fields", "order")

    def __init__(self, kind, time, ident, fields, defs, type_index):
        self.type, self.time, self.id, self.fields = kind, time, ident, fields
        tie = tuple((0,) if fields[f.name] is None else (1, fields[f.name]) for f in defs)
        self.order = (time, (0,) if ident is None else (1, ident), type_index, tie)

    def __lt__(self, other):
        return self.order < other.order


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


def _plain_text(value, bytes_max=MESSAGE_BYTES_MAX):
    if not isinstance(value, str) or isinstance(value, Number):
        raise Dead("wrong_type")
    if "\0" in value:
        raise Dead("nul")
    text = _utf8(value)
    if len(text) > bytes_max:
        raise Dead("long_text")
    return text


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
    return _plain_text(value, KEY_BYTES_MAX if kind == "key" else TEXT_BYTES_MAX)


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
    ident = None if members.get("id") is None else _plain_text(members["id"], KEY_BYTES_MAX)
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
