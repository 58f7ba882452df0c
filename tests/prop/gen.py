"""Random definitions and streams, from a seed: the cases that features are judged by.

Times and windows are multiples of one quantum, so that events fall exactly on window edges, delays
and `expire`; keys are few, so that windows fill; values go to the ends of their types.
"""
import json
import random

EDGE = 2 ** 53 - 1
TEXTS = ["", "a", "app", "e9", "e10", "E", "b,c", 'q"q', "\u00e9", "\u4e0a\u6d77", "\U0001f600",
         " ",         "x\ny", "z\r", "\u007f", "'", "a text of length 19", "a text of length 20.",
         "a text of length 20!"]
KEYS = ["k", "k0", "\u4e2d", 7, "7", "K", 0, "a b"]
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata",
         "America/Sao_Paulo", "Pacific/Apia"]
TYPES = ["int", "decimal", "real", "bool", "category", "text", "time"]


class Field:
    def __init__(self, name, kind, scale=0, entity=None, optional=False):
        self.name, self.type, self.scale = name, kind, scale
        self.entity, self.optional = entity, optional

    def yaml(self):
        if self.type == "key":
            extra = ", optional: true" if self.optional else ""
            return f"{{type: key, entity: {self.entity}{extra}}}"
        if self.type == "vector":
            return "vector(2)"
        return f"decimal({self.scale})" if self.type == "decimal" else self.type

    @property
    def kind(self):
        """What it is in an expression."""
        if self.type in ("category", "text", "key"):
            return "text"
        return self.type if self.type in ("bool", "vector") else "number"


class Case:
    """One definition, its inputs (lists of byte lines) and the event whose rows are compared."""

    def __init__(self, seed, lateness, events, entities, features, inputs, on):
        self.seed, self.lateness, self.events, self.entities = seed, lateness, events, entities
        self.features, self.inputs, self.on = features, inputs, on

    def but(self, features=None, inputs=None):
        """The same with other features or inputs."""
        return Case(self.seed, self.lateness, self.events, self.entities,
                    self.features if features is None else features,
                    self.inputs if inputs is None else inputs, self.on)

    def yaml(self):
        lines = [f"lateness: {self.lateness}", "events:"]
        for name, fields in self.events.items():
            lines += [f"  {name}:", "    fields:"]
            lines += [f"      {f.name}: {f.yaml()}" for f in fields]
        lines.append("entities:")
        for name, expire in self.entities.items():
            lines.append(f"  {name}: {{expire: {expire}}}" if expire else f"  {name}: {{}}")
        lines.append("features:")
        for entity in self.entities:
            own = [(n, text) for e, n, text in self.features if e == entity]
            if own:
                lines.append(f"  {entity}:")
                # Quoted: an expression may hold characters that mean something to YAML.
                lines += [f"    {n}: '{text}'" for n, text in own]
        return "\n".join(lines) + "\n"


class Generator:
    def __init__(self, seed, large=False, huge=False, deep=False, churn=False):
        self.seed, self.large, self.huge, self.deep = seed, large or huge or deep, huge, deep
        self.churn, self.made = churn, 0
        self.overlong = True  # now and then a text that no decoder takes
        self.r = random.Random(seed + (1 << 32) * (large + 2 * huge + 4 * deep + 8 * churn))
        # Now and then hours, so that calendars turn.
        self.quantum = self.r.choice([1, 1, 10, 250, 1000, 60_000, 600_000, 3_600_000])

    def chance(self, p):
        return self.r.random() < p

    def duration(self, quanta):
        """So many quanta in one of the units that can say it."""
        ms = max(quanta * self.quantum, 1)
        units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        return "{0}{1}".format(*self.r.choice([(ms // u, n) for n, u in units if ms % u == 0]))

    # ------------------------------------------------------------------ schema
    def schema(self):
        r = self.r
        names = ["user", "device", "shop"][:1 if self.huge or self.deep else r.choice([1, 1, 2, 3])]
        expires = [None, None, self.duration(r.randint(3, 60))] + [None] * (3 if self.large else 0)
        if self.churn:
            expires = [self.duration(r.choice([1, 5, 20, 60, 400]))]
        self.entities = {n: r.choice(expires) for n in names}
        self.events = {}
        for name in ["pay", "login", "loan", "move"][:2 if self.huge else
                                                     1 if self.deep else r.choice([1, 2, 2, 3, 4])]:
            roles = ["user", "device", "shop", "payer", "payee"]
            r.shuffle(roles)
            fields = [Field(role, "key", entity=r.choice(names), optional=self.chance(0.25))
                      for role in sorted(roles[:r.choice([1, 1, 2, 2, 3])])]
            kinds = r.sample(TYPES, r.randint(1, 5)) + r.sample(["decimal", "int"], 1)
            fields += [Field(f"{kind[0]}{i}", kind, r.choice([0, 1, 2, 2, 4, 15])
                             if kind == "decimal" else 0) for i, kind in enumerate(kinds)]
            if self.chance(0.1):
                fields.append(Field("v", "vector"))
            if self.chance(0.3):
                r.shuffle(fields)
            self.events[name] = fields
        # Somebody must be named by the first event, so that there are rows.
        self.events["pay"][0].optional = False

    def roles(self, event, entity):
        return [f.name for f in self.events[event] if f.type == "key" and f.entity == entity]

    # ------------------------------------------------------------------ expressions
    def literal(self, field=None):
        r = self.r
        if field is not None and field.kind == "text":
            text = r.choice([t for t in TEXTS if t.isprintable() and not {'"', "'"} & set(t)])
            return f'"{text}"'
        if field is not None and field.type == "time":
            return str(self.start + r.randint(0, 50) * self.quantum)
        if field is not None and field.type == "decimal":
            return r.choice(["0", "1", "0.5", "12.5", "2", "0.1"])
        return r.choice(["0", "1", "2", "3", "5", "0.5", "10", "1e3", "2.25"])

    def number_of(self, fields, depth):
        """A number inside `where`."""
        r = self.r
        numbers = [f for f in fields if f.kind == "number"]
        pick = r.random()
        if depth > 0 and pick < 0.25:
            op = r.choice(["+", "-", "*", "/", "%"])
            return f"({self.number_of(fields, depth - 1)} {op} {self.number_of(fields, depth - 1)})"
        if depth > 0 and pick < 0.35:
            return f"{r.choice(['abs', 'floor', 'ceil', 'round'])}" \
                   f"({self.number_of(fields, depth - 1)})"
        if pick < 0.45:
            return r.choice(["hour(time)", "weekday(time)", "time"])
        if numbers and pick < 0.9:
            return r.choice(numbers).name
        return self.literal()

    def where(self, event, depth=2):
        r = self.r
        fields = [f for f in self.events[event] if f.kind != "vector"]
        pick = r.random()
        if depth > 0 and pick < 0.3:
            word = r.choice(["and", "or"])
            return f"({self.where(event, depth - 1)} {word} {self.where(event, depth - 1)})"
        if depth > 0 and pick < 0.4:
            return f"not ({self.where(event, depth - 1)})"
        field = r.choice(fields)
        if pick < 0.5:
            return f"{field.name} is {r.choice(['', 'not '])}null"
        if field.kind == "bool":
            return r.choice([field.name, f"not {field.name}", f"{field.name} = true"])
        if field.kind == "text":
            if pick < 0.7:
                items = ", ".join(self.literal(field) for _ in range(r.randint(1, 3)))
                return f"{field.name} {r.choice(['', 'not '])}in [{items}]"
            return f"{field.name} {self.relation()} {self.literal(field)}"
        if pick < 0.6:
            return f"{self.number_of(fields, 1)} {self.relation()} {self.number_of(fields, 1)}"
        return f"{field.name} {self.relation()} {self.literal(field)}"

    def relation(self):
        return self.r.choice(["=", "!=", "<", "<=", ">", ">="])

    def special(self, entity):
        """A span that is cut by events or by a calendar."""
        r = self.r
        pick = r.random()
        events = [e for e in self.events if self.roles(e, entity)]
        if pick < 0.35:
            return f"session {self.duration(r.choice([0, 1, 2, 3, 5, 10, 30]))}"
        if pick < 0.65:
            event = r.choice(events)
            roles = self.roles(event, entity)
            role = "@" + r.choice(roles) if len(roles) > 1 or self.chance(0.3) else ""
            where = f" where {self.where(event, 1)}" if self.chance(0.6) else ""
            return f"since last {event}{role}{where}"
        kind = r.choice(["cumulate", "tumbling", "previous 1", "previous 2", "previous 5"])
        return f'{kind} {r.choice(["hour", "day", "week", "month"])} in "{r.choice(ZONES)}"'

    def span(self):
        r = self.r
        pick = r.random()
        if pick < 0.55:
            return self.duration(r.choice([0, 1, 2, 3, 5, 8, 13, 40, 100] +
                                          ([250, 700, 1500, 4000] * 3 if self.long else []) +
                                          [9000, 30_000] * 5 * self.huge))
        if pick < 0.7:
            counts = [1, 1, 2, 3, 5, 10] + [200, 777] * self.large + [3000] * self.huge
            return f"last {r.choice(counts)}"
        if pick < 0.85:
            return f"{self.duration(r.choice([1, 3, 8, 30]))} last {r.choice([1, 2, 3, 7])}"
        return "lifetime"

    def aggregate(self, entity, listed=False):
        """(text, kind) of one aggregate, or None when no event names the entity."""
        r = self.r
        events = [e for e in self.events if self.roles(e, entity)]
        if not events:
            return None
        event = "login" if self.huge and self.chance(0.85) else r.choice(events)
        roles = self.roles(event, entity)
        role = "@" + r.choice(roles) if len(roles) > 1 or self.chance(0.3) else ""
        op, field = self.operation(event)
        column = f".{field.name}" if field else ""
        argument, k = "", r.choice([1, 1, 2, 3, 5, 20] + [90, 700] * self.large)
        if op in ("first_k", "last_k", "lag"):
            k -= op == "lag"
            argument = r.choice([f", {k}", f", k = {k}"])
        if op == "active_days" and self.chance(0.8):
            argument = f', {r.choice(["", "zone = "])}"{r.choice(ZONES)}"'
        text = f"{op}({event}{role}{column}{argument})"
        if self.chance(0.4):
            text += f" where {self.where(event)}"
        if self.chance(0.6 if self.deep else 0.25):
            text += " exclude current"
        if listed:
            spans = [self.special(entity)] if self.chance(0.3) else []
            while len(spans) < r.randint(1, 4):
                span = self.span()
                spans += [span] if span not in spans else []
            r.shuffle(spans)
            text += f" over [{', '.join(spans)}]"
        elif self.chance(0.85):
            text += f" over {self.special(entity) if self.chance(0.3) else self.span()}"
        if self.chance(0.25):
            text += f" delay {self.duration(r.choice([0, 1, 2, 5, 20] + [400] * self.long))}"
        kind = field.kind if op in ("first", "last", "first_k", "last_k", "lag") else "number"
        if op in ("first_k", "last_k"):
            kind = (kind, k)
        return text, kind

    def operation(self, event):
        r = self.r
        fields = [f for f in self.events[event] if f.kind != "vector"]
        exact = [f for f in fields if f.type in ("int", "decimal")]
        ordered = exact + [f for f in fields if f.type in ("real", "time")]
        op = r.choice(["count", "count", "sum", "sum", "avg", "min", "max", "first", "last",
                       "count_distinct", "time_since_first", "time_since_last",
                       "moment", "moment", "range", "rhythm", "is_new", "kth"])
        if op == "rhythm":
            return r.choice(["interarrival_mean", "interarrival_std", "longest_gap",
                             "active_days"]), None
        if op == "kth":
            return r.choice(["first_k", "last_k", "lag"]), r.choice(fields)
        if op == "moment":
            return r.choice(["var_pop", "var_samp", "stddev_pop", "stddev_samp", "cv"]), \
                r.choice(exact)
        if op == "range":
            return op, r.choice(exact + [f for f in fields if f.type == "time"])
        if op in ("time_since_first", "time_since_last"):
            return op, None
        if op == "count":
            return op, r.choice([None, None, r.choice(self.events[event])])
        if op in ("sum", "avg"):
            return op, r.choice(exact)
        return op, r.choice(ordered if op in ("min", "max") else fields)

    def derived(self, entity, known, kind, depth=2):
        """An expression of the kind over the features known so far and the current event."""
        r = self.r
        pick = r.random()
        if kind == "bool":
            return self.derived_bool(entity, known, depth)
        if kind == "text":
            texts = [n for n, k in known if k == "text"]
            texts += [f"{e}.{f.name}" for e in self.events for f in self.events[e]
                      if f.kind == "text"]
            first = r.choice(texts) if texts else '"t"'
            return r.choice([first, f'coalesce({first}, "none")',
                             f'if({self.derived_bool(entity, known, 0)}, {first}, "else")'])
        if depth > 0 and pick < 0.4:
            op = r.choice(["+", "-", "*", "/", "/", "%"])
            return (f"({self.derived(entity, known, 'number', depth - 1)} {op} "
                    f"{self.derived(entity, known, 'number', depth - 1)})")
        if depth > 0 and pick < 0.6:
            return self.derived_call(entity, known, depth)
        numbers = [n for n, k in known if k == "number"]
        if numbers and pick < 0.85:
            name = r.choice(numbers)
            return r.choice([name, name, f"{entity}.{name}", f"-{name}"])
        current = [f"{e}.{f.name}" for e in self.events for f in self.events[e]
                   if f.kind == "number"]
        if pick < 0.9:
            return r.choice(current)
        if pick < 0.93:
            found = self.aggregate(entity)
            if found and found[1] == "number":
                return f"({found[0]})"
        return r.choice([self.literal(), "time", "at", "hour(at)", "weekday(time)"])

    def derived_call(self, entity, known, depth):
        r = self.r

        def one():
            return self.derived(entity, known, "number", depth - 1)
        name = r.choice(["abs", "floor", "ceil", "round", "sqrt", "log", "exp", "least", "greatest",
                         "coalesce", "if"])
        if name in ("least", "greatest", "coalesce"):
            return f"{name}({', '.join(one() for _ in range(r.randint(1, 3)))})"
        if name == "if":
            return f"if({self.derived_bool(entity, known, depth - 1)}, {one()}, {one()})"
        return f"{name}({one()})"

    def derived_bool(self, entity, known, depth):
        r = self.r
        pick = r.random()
        if depth > 0 and pick < 0.4:
            word = r.choice(["and", "or"])
            return (f"({self.derived_bool(entity, known, depth - 1)} {word} "
                    f"{self.derived_bool(entity, known, depth - 1)})")
        if depth > 0 and pick < 0.5:
            return f"not ({self.derived_bool(entity, known, depth - 1)})"
        if pick < 0.6 and known:
            return f"{r.choice(known)[0]} is {r.choice(['', 'not '])}null"
        if pick < 0.7:
            return (f"{self.derived(entity, known, 'number', 0)} in "
                    f"[{', '.join(self.literal() for _ in range(r.randint(1, 4)))}]")
        booleans = [n for n, k in known if k == "bool"]
        if booleans and pick < 0.8:
            return r.choice(booleans)
        return (f"{self.derived(entity, known, 'number', 0)} {self.relation()} "
                f"{self.derived(entity, known, 'number', 0)}")

    def make_features(self):
        r = self.r
        self.features = []
        for entity in self.entities:
            known = []
            for i in range(r.randint(8, 12) if self.huge else r.randint(2, 6)):
                name = f"f{i}"
                if self.chance(0.15):
                    found = self.aggregate(entity, listed=True)
                elif known and self.chance(0.35):
                    kind = r.choice(["number", "number", "bool", "text"])
                    found = (self.derived(entity, known, kind), kind)
                else:
                    found = self.aggregate(entity)
                if found is None:
                    continue
                self.features.append((entity, name, found[0]))
                if " over [" in found[0]:
                    continue
                if isinstance(found[1], tuple):  # a list is read by index
                    kind, k = found[1]
                    for at in {1, k, r.randint(1, k)}:
                        owner = r.choice(["", f"{entity}."])
                        self.features.append((entity, f"{name}_{at}", f"{owner}{name}[{at}]"))
                        known.append((f"{name}_{at}", kind))
                    continue
                known.append((name, found[1]))
            if self.huge or self.deep:
                self.features += self.long_features(entity)
            if not known and not any(e == entity for e, _, _ in self.features):
                self.features.append((entity, "one", "at - at + 1"))

    def long_features(self, entity):
        """What a long history must answer by its summaries: few values, many values, the newest."""
        event = "login" if self.huge else "pay"
        role = self.roles(event, entity)[0]
        fields = [f for f in self.events[event] if f.kind != "vector" and f.type != "key"]
        few = [f for f in fields if f.type in ("bool", "category", "text", "real")] or fields
        exact = [f for f in fields if f.type in ("int", "decimal")]
        current = " exclude current" if self.deep else ""
        item = f"{event}@{role}"
        return [(entity, "few", f"count_distinct({item}.{self.r.choice(few).name}){current} over "
                                f"{self.duration(9000)}"),
                (entity, "many", f"count_distinct({item}.{exact[0].name}){current}"),
                (entity, "newest", f"avg({item}.{exact[0].name}){current} over "
                                   f"[last 64, last 1500]")]

    # ------------------------------------------------------------------ streams
    def value(self, field, time):
        """JSON text of a value, or None for null."""
        r = self.r
        if field.type == "key":
            if field.optional and self.chance(0.3):
                return r.choice([None, "null", '""'])
            if self.chance(0.003):
                return json.dumps("\u00e9" * r.choice([511, 512] + [513] * self.overlong))
            if self.churn:  # most keys come and go; now and then an old one comes back
                back = r.randint(0, self.made) if self.chance(0.1) else r.randint(0, 20)
                return json.dumps(f"u{max(self.made // 4 - back, 0)}")
            if self.crowd:
                return json.dumps(f"u{r.randint(0, self.crowd)}")
            return json.dumps(r.choice(KEYS[:self.key_count]), ensure_ascii=self.chance(0.5))
        if self.chance(0.12):
            return r.choice([None, "null"])
        if field.type == "bool":
            return r.choice(["true", "false"])
        if field.type == "vector":
            return r.choice(["[0,1]", "[-0.0, 1.5e0]", "[2,-1]"])
        if field.type in ("category", "text"):
            if self.chance(0.002):
                return json.dumps("long" * r.choice([500, 3000, 2 ** 14] +
                                                    [2 ** 14 + 1] * self.overlong))
            return json.dumps(r.choice(TEXTS), ensure_ascii=self.chance(0.5))
        if field.type == "time":
            return self.time_text(time - r.randint(-5, 20) * self.quantum)
        if field.type == "real":
            return r.choice(["0", "-0.0", "1.5", "0.1", "0.3", "-2.75", "1e308", "-1e308", "5e-324",
                             "1e-7", "123456789.125", repr(r.uniform(-10, 10)), "1e22", "3"])
        return self.scaled_text(field.scale)

    def scaled_text(self, scale):
        """An int or decimal, spelled in one of many ways."""
        r = self.r
        pick = r.random()
        if pick < 0.05:
            number = r.choice([EDGE, -EDGE, EDGE - 1, 2 ** 52 + 1])
        elif pick < 0.5:
            number = r.randint(-3, 6)
        else:
            number = r.randint(-10 ** 4, 10 ** r.randint(1, 7))
        sign, digits = ("-" if number < 0 else ""), str(abs(number))
        style = r.random()
        if style < 0.15:
            return f"{sign}{digits}e-{scale}"
        if style < 0.25 and len(digits) > 1:
            return f"{sign}{digits[0]}.{digits[1:]}e{len(digits) - 1 - scale}"
        if scale == 0:
            return sign + digits + ("" if style < 0.9 else ".0")
        digits = digits.rjust(scale + 1, "0")
        text = f"{sign}{digits[:-scale]}.{digits[-scale:]}"
        return text if style < 0.6 else text.rstrip("0").rstrip(".") + ("" if style < 0.9 else "")

    def time_text(self, ms):
        if self.chance(0.9) or ms < 0:
            return str(ms)
        offset = self.r.choice([0, 0, 480, -210])
        return json.dumps(rfc3339(ms, offset if ms + offset * 60_000 >= 0 else 0))

    def message(self, event, time, ident):
        r = self.r
        self.made += 1
        members = [("type", json.dumps(event)), ("time", self.time_text(time))]
        if ident is not None:
            members.append(("id", json.dumps(ident)))
        for field in self.events[event]:
            text = self.value(field, time)
            if text is not None:
                members.append((field.name, text))
        if self.chance(0.05):
            members.append(("extra", '{"deep": [1, {"x": null}]}'))
        if self.chance(0.2):
            r.shuffle(members)
        space = r.choice(["", " "])
        body = f",{space}".join(f"{json.dumps(n)}:{space}{v}" for n, v in members)
        return ("{" + body + "}").encode()

    def dead(self, line):
        """Something that no decoder takes, made of a good message."""
        r = self.r
        return r.choice([line[:-1], line + b"}", b"", b"[]", line.replace(b'"type"', b'"typ"'),
                         line.replace(b"{", b'{"time": 5, ', 1),
                         line.replace(b'"type', b'"ty\xffpe'),
                         b'{"type": "nobody", "time": 1}', b'{"type": "pay", "time": 1.5}',
                         b'{"type": "pay"}', b"NaN"])

    def stream(self, count):
        """[(arrival, line)] of one input: shuffled within lateness, some beyond, some twice."""
        r = self.r
        lateness = self.lateness * self.quantum
        steps = r.choice([[0, 0, 1], [0, 1, 1, 2, 3], [1, 2, 5, 8], [0, 0, 0, 0, 4]])
        shuffled = self.chance(0.8)
        ids = 0
        time = self.start + r.randint(0, 5) * self.quantum
        arrivals = []
        for i in range(count):
            time += r.choice(steps) * self.quantum
            if self.chance(0.001 if self.large else 0.01):
                time += r.randint(20, 150) * self.quantum
            ident = None
            if self.chance(0.7):
                ids += 1
                # Several inputs: an id stands for one event, since a second one of another time
                # would hold its input back in the merge until others are past answering.
                short = self.single and self.chance(0.1)
                ident = f"{self.prefix}\u00fc{ids % 7}" if short else f"{self.prefix}e{ids}"
            event = r.choice(list(self.events))
            if self.huge:  # rows are asked for seldom, each over very many events
                event = "pay" if self.chance(0.008) else "login"
            line = self.message(event, time, ident)
            arrival = time + (r.randint(0, lateness) if shuffled else 0)
            if self.chance(0.09):
                arrival += lateness + r.randint(1, 12) * self.quantum
            arrivals.append((arrival, i, line))
            if self.chance(0.12):
                copy = line
                if self.single and ident is not None and self.chance(0.4):
                    copy = self.message(event, max(time + r.randint(-9, 9) * self.quantum, 0),
                                        ident)
                arrivals.append((arrival + r.choice([0, 1, 3, 30]) * self.quantum, i, copy))
            if self.chance(0.02):
                arrivals.append((arrival, i, self.dead(line)))
        arrivals.sort(key=lambda a: a[:2])
        return [line for _, _, line in arrivals]

    def case(self, count):
        r = self.r
        self.start = r.choice([0, 1_700_000_000_000, 1_709_251_199_000, 86_400_000 * 3])
        if self.quantum >= 60_000 and self.chance(0.7):  # shortly before clocks are turned
            self.start = r.choice([1_711_700_000_000, 1_729_900_000_000, 1_325_030_000_000,
                                   1_162_610_000_000, 1_223_100_000_000])
        self.start -= self.start % self.quantum
        self.key_count = r.choice([1, 1, 2] if self.large else [1, 2, 3, 5, 8])
        if self.huge or self.deep:
            self.key_count = 1
        # A crowd of keys now and then: the index grows, most keys are seen once or twice.
        # Long windows keep everything; without them what is old is let go of.
        self.long = self.deep or self.large and self.chance(0.5)
        self.crowd = 4000 if self.large and self.key_count > 1 and self.seed % 2 else 0
        self.lateness = r.choice([0, 10, 30, 300, 1000] if self.large else [0, 1, 3, 8, 30])
        if self.deep:
            self.lateness = r.choice([300, 1000, 3000])
        self.schema()
        self.make_features()
        inputs = r.choice([1, 1, 2, 3])
        self.single = inputs == 1
        streams = []
        for i in range(inputs):
            # Ids are remembered per input: the same prefix twice makes them meet across inputs.
            self.prefix = r.choice(["", "p", "q"])
            streams.append(self.stream(count // inputs))
        events = [e for e in self.events
                  if any(f.type == "key" and any(g[0] == f.entity for g in self.features)
                         for f in self.events[e])]
        lateness = self.duration(self.lateness) if self.lateness else "0ms"
        return Case(self.seed, lateness, self.events, self.entities, self.features, streams,
                    "pay" if self.huge else r.choice(events))


def rfc3339(ms, offset_minutes):
    days, rest = divmod(ms + offset_minutes * 60_000, 86_400_000)
    # From a day count to a calendar date, by search: no formula to share with anybody.
    year = 1970
    while days >= 365 + leap(year):
        days -= 365 + leap(year)
        year += 1
    month = 0
    lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    while days >= lengths[month]:
        days -= lengths[month]
        month += 1
    zone = "Z" if offset_minutes == 0 else "{}{:02d}:{:02d}".format(
        "-" if offset_minutes < 0 else "+", abs(offset_minutes) // 60, abs(offset_minutes) % 60)
    fraction = f".{rest % 1000:03d}" if rest % 1000 else ""
    return (f"{year:04d}-{month + 1:02d}-{days + 1:02d}T{rest // 3_600_000:02d}:"
            f"{rest // 60_000 % 60:02d}:{rest // 1000 % 60:02d}{fraction}{zone}")


def leap(year):
    return 1 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 0


def make_case(seed, count):
    """The case of a seed; the same on every machine."""
    return Generator(seed).case(count)


def make_large_case(seed, count):
    """Few keys, long windows, deep lateness: what a long history is cut into must not show."""
    return Generator(seed, large=True).case(count)


def make_huge_case(seed, count):
    """One key with a very long history and few reads of it."""
    return Generator(seed, huge=True).case(count)


def make_deep_case(seed, count):
    """One key, one event, a row for each: late ones land among thousands and see themselves."""
    return Generator(seed, deep=True).case(count)


def make_churn_case(seed, count):
    """Keys that fall silent for good, or nearly, among many others."""
    return Generator(seed, churn=True).case(count)


def make_plain_case(seed, count, churn=False):
    """(case without inputs, [(time, line)] in time order, lateness ms): all fit to be accepted."""
    generator = Generator(seed, churn=churn)
    generator.overlong = False
    case = generator.case(count)
    lateness = generator.lateness * generator.quantum
    timed = []
    time = generator.start
    for i in range(count):
        time += generator.r.choice([0, 0, 1, 1, 2, 5]) * generator.quantum
        ident = f"e{i}" if generator.chance(0.6) else None
        line = generator.message(generator.r.choice(list(case.events)), time, ident)
        timed.append((time, line))
    return case, timed, lateness


def make_late_case(counts):
    """A key for every place among n events in order: there a late one lands, of equal time or not.

    Whatever a log is cut into, an event must be found again right after it was put in.
    """
    events = {"pay": [Field("user", "key", entity="user"), Field("x", "int")]}
    features = [("user", name, text) for name, text in (
        ("others", "count(pay) exclude current over 1d"),
        ("others_sum", "sum(pay.x) exclude current"),
        ("others_last", "last(pay.x) exclude current over 1h"),
        ("others_newest", "avg(pay.x) exclude current over last 3"),
        ("others_distinct", "count_distinct(pay.x) exclude current over 1h"),
        ("largest", "max(pay.x) over 1d"))]
    lines = []
    for count in counts:
        for place in range(count + 1):
            late = (place * 10 + 1, 10_000) if place % 2 else (place * 10, 20_000)
            for i, (time, x) in enumerate([(10 * i, i) for i in range(count)] + [late]):
                lines.append(json.dumps({"type": "pay", "time": time, "user": f"{count}.{place}",
                                         "x": x, "id": f"{count}.{place}.{i}"}).encode())
    return Case(0, "1d", events, {"user": None}, features, [lines], "pay")
