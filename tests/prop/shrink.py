"""Make a failing case small: fewer features, then fewer lines, as long as it still fails."""
import time

SECONDS_MAX = 30


def pieces_of(items, fails, rebuild, deadline):
    """Greedy delta debugging: drop runs of items, halving their length."""
    length = max(len(items) // 2, 1)
    while length >= 1 and time.monotonic() < deadline:
        at = 0
        while at < len(items) and time.monotonic() < deadline:
            fewer = items[:at] + items[at + length:]
            if fails(rebuild(fewer)):
                items = fewer
            else:
                at += length
        length //= 2
    return items


def shrink(case, fails):
    """@p fails: is this case still a failing one? (Broken definitions are not.)"""
    deadline = time.monotonic() + SECONDS_MAX
    features = pieces_of(case.features, fails, lambda f: case.but(features=f), deadline)
    case = case.but(features=features)
    for i in range(len(case.inputs)):
        def rebuild(lines, at=i, base=case):
            return base.but(inputs=base.inputs[:at] + [lines] + base.inputs[at + 1:])
        case = rebuild(pieces_of(case.inputs[i], fails, rebuild, deadline))
    return case
