"""The judge's reading of the expression language: text to a tree, and a tree to a value.

Values: float, bool (three-valued with None), bytes; None is null.
"""
import math
import re

UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def duration(text):
    found = re.fullmatch(r"(\d+)(ms|s|m|h|d|w)", str(text))
    if not found:
        raise ValueError(f"bad duration {text!r}")
    return int(found.group(1)) * UNIT_MS[found.group(2)]


_TOKEN = re.compile(r"""\s*(?:(?P<dur>\d+(?:ms|s|m|h|d|w)\b)
    |(?P<num>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<str>"[^"]*"|'[^']*')
    |(?P<name>[A-Za-z_]\w*)
    |(?P<op><=|>=|!=|[=<>+\-*/%()\[\],.@]))""", re.X)
AGGREGATES = {"count", "sum", "avg", "min", "max", "first", "last", "count_distinct",
              "time_since_first", "time_since_last", "range", "var_pop", "var_samp", "stddev_pop",
              "stddev_samp", "cv", "is_new", "interarrival_mean", "interarrival_std",
              "longest_gap", "first_k", "last_k", "lag", "active_days"}
LISTS = {"first_k", "last_k"}


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
        self.special = None                    # ("session", ms), ("calendar", unit, back, zone),
        #                                        ("since", an Aggregate of the landmark)
        self.list = None                       # spans of a list, if one is given
        self.field = None
        self.args = {}                         # "": positional, or by name


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
        if self.accept("["):
            index = int(self.take()[1])
            self.expect("]")
            return ("index", tuple(path), index)
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
        found = Aggregate(op, event, role, column)
        while self.accept(","):
            name = ""
            if self.tokens[self.at + 1][1] == "=":
                name = self.take()[1]
                self.expect("=")
            found.args[name] = self.literal()[1]
        self.expect(")")
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
                found.window, found.newest, _, found.special = self.span()
        if self.accept("delay"):
            found.delay = duration(self.take()[1])
        return ("aggregate", found)

    def span(self):
        """(window ms or None, newest n or None, suffix, special)"""
        if self.accept("lifetime"):
            return None, None, "lifetime", None
        if self.accept("last"):
            count = self.take()[1]
            return None, int(count), f"last{count}", None
        if self.accept("session"):
            text = self.take()[1]
            return None, None, f"session_{text}", ("session", duration(text))
        if self.accept("since", "last"):
            event = self.take()[1]
            mark = Aggregate("mark", event, self.take()[1] if self.accept("@") else None, None)
            if self.accept("where"):
                mark.where = self.disjunction()
            return None, None, f"since_{event}", ("since", mark)
        for word in ("cumulate", "tumbling", "previous"):
            if self.accept(word):
                return self.calendar(word)
        text = self.take()[1]
        if self.accept("last"):
            count = self.take()[1]
            return duration(text), int(count), f"{text}_last{count}", None
        return duration(text), None, text, None

    def calendar(self, word):
        count = self.take()[1] if word == "previous" else ""
        back = {"cumulate": 0, "tumbling": 1}.get(word) if word != "previous" else int(count)
        unit = self.take()[1]
        self.expect("in")
        zone = self.take()[1][1:-1]
        return None, None, f"{word}{count}_{unit}", ("calendar", unit, back, zone)


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
    return float(math.floor(ms) // 3_600_000 % 24)


def weekday_of(ms):
    """1 is Monday (ISO 8601); 1970-01-01 was a Thursday."""
    return float((math.floor(ms) // 86_400_000 + 3) % 7 + 1)


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
    "least": guarded(lambda *all_of: min(all_of)),
    "greatest": guarded(lambda *all_of: max(all_of)),
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
    if tag == "index":
        values = scope.path(tree[1])
        return values[tree[2] - 1] if tree[2] <= len(values) else None
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
