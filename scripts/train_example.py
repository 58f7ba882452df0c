"""Train the example's models: rows from `assay replay`, labels from `assay generate`.

Rows are split by time. A model learns from events whose label was known before the first event of
the test, so nothing of the test leaks into it; it is then measured once more on a stream of another
seed. Beside each AUC stands the best one that can be reached, which follows from the probabilities
that the outcomes were drawn with.
"""
import argparse
import csv
import json
import math
import pathlib
import shutil
import subprocess
import sys

import lightgbm
import numpy

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000  # 2026-01-01
DAYS = 180
USERS = 10_000
SEEDS = (11, 12)  # to train and test; to test once more
WARM_UP_DAYS = 20  # windows fill
AUC_MIN, AUC_MAX = 0.70, 0.85

LIGHTGBM = {
    "objective": "binary",
    "num_leaves": 6,
    "learning_rate": 0.06,
    "min_data_in_leaf": 120,
    "lambda_l2": 10.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": 1,
    "verbosity": -1,
}

CREDIT = """
user.bureau_score user.bureau_inquiries user.bureau_overdue user.bureau_open_loans
user.bureau_utilisation user.amount_to_income user.amount_to_salary user.debt_to_income
user.income_overstated user.salary_last user.salary_swing_90d user.since_salary
user.pay_fail_rate_30d user.pay_fail_count_30d user.cash_like_count_7d user.cash_like_share_30d
user.gambling_count_30d user.essentials_share_30d user.spend_to_salary_30d user.net_flow_30d
user.cash_out_count_30d user.pay_surge user.pay_max_30d user.apply_count_7d user.apply_count_30d
user.apply_term_days user.voice_match_min_30d user.login_fail_count_1d user.days_late_max
user.days_late_avg user.unpaid_90d user.call_count_90d user.since_registration
device.users_logged_in_7d device.users_applied_30d ip.apply_users_7d address.users_applied_90d
""".split()

INTENT = """
user.call_days_past_due user.call_amount user.call_seconds user.call_count_7d user.call_count_30d
user.answer_rate_30d user.promises_30d user.promise_rate_90d user.talk_seconds_30d
user.since_promise user.since_salary user.salary_due_in_days user.salary_last user.salary_swing_90d
user.days_late_avg user.days_late_max user.on_time_count_180d user.partial_count_30d
user.repaid_share_90d user.unpaid_90d user.since_repayment user.repay_page_count_1d
user.repay_page_count_7d user.open_count_7d user.messages_in_7d user.bureau_score
user.bureau_overdue user.pay_fail_rate_30d user.cash_like_share_30d user.net_flow_30d
""".split()

CHURN = """
user.since_open user.open_count_7d user.open_count_30d user.open_slowdown user.page_count_7d
user.pages_per_visit_30d user.dwell_last_10 user.dwell_trend user.click_rate_90d
user.complaint_count_14d user.pay_count_7d user.since_payment
""".split()

# policy -> trigger, label, columns, trees (0: a scorecard), file
MODELS = {
    "credit": ("application", "dpd30", CREDIT, 60, "credit.lgb.txt"),
    "repayment_intent": ("collection_call", "repaid", INTENT, 60, "intent.lgb.txt"),
    "churn": ("app_open", "churned", CHURN, 0, "churn.card.json"),
}


def run(*command):
    subprocess.run([str(word) for word in command], check=True, stderr=subprocess.DEVNULL)


def generate(assay, work, seed):
    events, labels = work / f"events-{seed}.jsonl", work / f"labels-{seed}.csv"
    run(assay, "generate", "--users", USERS, "--days", DAYS, "--seed", seed, "--output", events,
        "--labels", labels)
    return events, labels


def read_labels(path, name):
    """event_id -> (event_ms, known_ms, value, truth)"""
    with open(path, newline="") as file:
        return {row["event_id"]: (int(row["event_ms"]), int(row["known_ms"]), int(row["value"]),
                                  float(row["truth"]))
                for row in csv.DictReader(file) if row["label"] == name}


class Table:
    """Rows joined with their labels, in time order."""

    def __init__(self, path, columns, labels):
        values, meta = [], []
        with open(path, newline="") as file:
            reader = csv.reader(file)
            header = next(reader)
            wanted = [header.index(column) for column in columns]
            key = header.index("event_id")
            for row in reader:
                label = labels.get(row[key])
                if label is not None:
                    meta.append(label)
                    values.append([float(row[i]) if row[i] else math.nan for i in wanted])
        self.x = numpy.array(values, dtype=float)
        self.event_ms, self.known_ms, self.y, self.truth = numpy.array(meta, dtype=float).T

    def where(self, mask):
        part = object.__new__(Table)
        for name in ("x", "event_ms", "known_ms", "y", "truth"):
            setattr(part, name, getattr(self, name)[mask])
        return part


def load(assay, work, seed, streams, trigger, label, columns):
    events, labels = streams[seed]
    rows = work / f"rows-{seed}-{trigger}.csv"
    if not rows.exists():
        run(assay, "replay", "-c", work / "definitions", "--input", events, "--rows", rows, "--on",
            trigger)
    return Table(rows, columns, read_labels(labels, label))


def auc(score, y):
    order = numpy.argsort(score, kind="stable")
    ranked = score[order]
    first = numpy.searchsorted(ranked, ranked, side="left")
    last = numpy.searchsorted(ranked, ranked, side="right")
    ranks = (first + 1 + last) / 2
    yes = y.sum()
    return (ranks[y[order] == 1].sum() - yes * (yes + 1) / 2) / (yes * (len(y) - yes))


def ks(score, y):
    order = numpy.argsort(score, kind="stable")
    ranked, hits = score[order], y[order]
    bad = numpy.cumsum(hits) / hits.sum()
    good = numpy.cumsum(1 - hits) / (1 - hits).sum()
    ends = numpy.append(ranked[1:] != ranked[:-1], True)  # ties step together
    return numpy.abs(bad - good)[ends].max()


def train_lightgbm(train, columns, trees):
    data = lightgbm.Dataset(train.x, train.y, feature_name=list(columns))
    booster = lightgbm.train(LIGHTGBM, data, num_boost_round=trees)
    return booster.model_to_string(), booster.predict


def edges_of(x):
    """Bin edges at quantiles of the known values; heavy values get bins of their own."""
    known = x[~numpy.isnan(x)]
    edges = numpy.unique(numpy.quantile(known, [0.15, 0.35, 0.55, 0.75, 0.9]))
    edges = [float(f"{edge:.3g}") for edge in edges if edge > known.min()]
    return sorted(set(edges))


def bins_of(x, edges):
    """0..n of the bin [from, to) that holds x; the last, n + 1, is for missing values."""
    bins = numpy.searchsorted(numpy.array(edges), x, side="right")
    return numpy.where(numpy.isnan(x), len(edges) + 1, bins)


def weight_of_evidence(bins, y, count):
    """log of (share of non-events / share of events) of each bin, half an event added to each."""
    out = []
    for number in range(count):
        mask = bins == number
        bad, good = y[mask].sum() + 0.5, (1 - y[mask]).sum() + 0.5
        out.append(math.log(good / (1 - y).sum()) - math.log(bad / y.sum()) if mask.any() else 0.0)
    return numpy.array(out)


def fit_logistic(x, y, ridge=20.0):
    """Newton's method on standard log loss; the intercept carries no penalty."""
    design = numpy.column_stack([numpy.ones(len(x)), x])
    beta = numpy.zeros(design.shape[1])
    beta[0] = math.log(y.mean() / (1 - y.mean()))
    penalty = numpy.full(len(beta), ridge)
    penalty[0] = 0
    for _ in range(30):
        p = 1 / (1 + numpy.exp(-design @ beta))
        gradient = design.T @ (p - y) + penalty * beta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + numpy.diag(penalty)
        step = numpy.linalg.solve(hessian, gradient)
        beta -= step
        if numpy.abs(step).max() < 1e-10:
            break
    return beta


def train_scorecard(train, columns):
    """Points for not leaving: 600 at odds 50 to 1, 20 more double the odds.

    A column whose weight would turn its own evidence round only corrects others: nobody could
    explain its points, so it is left out.
    """
    points, odds, pdo = 600, 50, 20
    factor = pdo / math.log(2)
    edges = [edges_of(train.x[:, i]) for i in range(len(columns))]
    bins = [bins_of(train.x[:, i], edges[i]) for i in range(len(columns))]
    woe = [weight_of_evidence(bins[i], train.y, len(edges[i]) + 2) for i in range(len(columns))]
    kept = list(range(len(columns)))
    while True:
        beta = fit_logistic(numpy.column_stack([woe[i][bins[i]] for i in kept]), train.y)
        worst = int(numpy.argmax(beta[1:]))
        if beta[1 + worst] < 0:
            break
        del kept[worst]
    base = round(points + factor * (-beta[0] - math.log(odds)))
    features, table = [], []
    for weight, i in zip(beta[1:], kept):
        earned = [round(-factor * weight * w) for w in woe[i]]
        starts = [None, *edges[i]]
        ends = [*edges[i], None]
        features.append({
            "name": columns[i],
            "bins": [{**({} if a is None else {"from": a}), **({} if b is None else {"to": b}),
                      "points": p} for a, b, p in zip(starts, ends, earned)],
            "missing": earned[-1],
        })
        table.append(numpy.array(earned))
    card = {"kind": "scorecard", "event": "churned", "points_for": "non-event", "points": points,
            "odds": odds, "pdo": pdo, "base": base, "base_split": "apart", "features": features}

    def predict(x):
        total = base + sum(t[bins_of(x[:, i], edges[i])] for i, t in zip(kept, table))
        return 1 / (1 + odds * numpy.exp2((total - points) / pdo))

    return format_card(card), predict


def format_card(card):
    """JSON that a person can read: one line a bin."""
    head = {key: value for key, value in card.items() if key != "features"}
    lines = [json.dumps(head)[:-1] + ',\n "features": [']
    for number, feature in enumerate(card["features"]):
        last = number + 1 == len(card["features"])
        bins = ",\n    ".join(json.dumps(one) for one in feature["bins"])
        lines.append(f'  {{"name": "{feature["name"]}", "missing": {feature["missing"]}, "bins": [\n'
                     f'    {bins}]}}{"" if last else ","}')
    return "\n".join(lines) + "\n]}\n"


def same_as_assay(assay, work, columns, path, x, predicted):
    """Do `assay predict` and the trainer agree on every row?"""
    rows, out = work / "check.csv", work / "check-out.csv"
    with open(rows, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([["" if math.isnan(v) else repr(float(v)) for v in row] for row in x])
    run(assay, "predict", "--model", path, "--input", rows, "--output", out)
    with open(out, newline="") as file:
        ours = numpy.array([float(row["pred_0"]) for row in csv.DictReader(file)])
    return numpy.abs(ours - predicted).max()


def measure(name, table, predicted):
    mine, best = auc(predicted, table.y), auc(table.truth, table.y)
    print(f"  {name:<12} {len(table.y):6d} rows, {table.y.mean():6.1%} true, mean predicted "
          f"{predicted.mean():6.1%}, AUC {mine:.3f} (best {best:.3f}), KS {ks(predicted, table.y):.3f}")
    return mine, best


def split(table):
    """Train on what was known before the test began; the test is the last part of the stream."""
    begin = START_MS + WARM_UP_DAYS * DAY_MS
    reach = (table.known_ms - table.event_ms).max()
    end = START_MS + DAYS * DAY_MS
    test_begin = end - max(30 * DAY_MS, (end - begin - reach) // 4)
    train = table.where((table.event_ms >= begin) & (table.known_ms < test_begin))
    return train, table.where(table.event_ms >= test_begin)


def train_model(assay, work, streams, policy, write_to):
    trigger, label, columns, trees, name = MODELS[policy]
    train, test = split(load(assay, work, SEEDS[0], streams, trigger, label, columns))
    text, predict = (train_lightgbm(train, columns, trees) if trees
                     else train_scorecard(train, columns))
    other = load(assay, work, SEEDS[1], streams, trigger, label, columns)
    other = other.where(other.event_ms >= START_MS + WARM_UP_DAYS * DAY_MS)
    print(f"{policy}: P({label}) at each {trigger}, {len(columns)} features offered, {len(text)} bytes")
    measure("train", train, predict(train.x))
    results = [measure("test", test, predict(test.x)),
               measure("other seed", other, predict(other.x))]
    path = work / name
    path.write_text(text)
    apart = same_as_assay(assay, work, columns, path, test.x, predict(test.x))
    print(f"  assay predict differs by at most {apart:g}")
    good = apart <= 1e-12 and all(AUC_MIN <= mine <= AUC_MAX and mine < best
                                  for mine, best in results)
    kept = write_to / name
    if not good:
        print(f"  refused: AUC must lie in [{AUC_MIN}, {AUC_MAX}] and below the best")
    return good, path, kept


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assay", required=True)
    parser.add_argument("--check", action="store_true", help="compare with config/models/ only")
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parents[1]
    work = root / "build" / "train"
    shutil.rmtree(work, ignore_errors=True)
    (work / "definitions").mkdir(parents=True)
    shutil.copy(root / "config" / "features.yaml", work / "definitions")
    streams = {seed: generate(options.assay, work, seed) for seed in SEEDS}
    failed = 0
    for policy in MODELS:
        good, made, kept = train_model(options.assay, work, streams, policy,
                                       root / "config" / "models")
        failed += 0 if good else 1
        if options.check:
            same = kept.exists() and kept.read_bytes() == made.read_bytes()
            print(f"  {kept.relative_to(root)} is {'the same' if same else 'NOT what this trains'}")
            failed += 0 if same else 1
        elif good:
            kept.parent.mkdir(exist_ok=True)
            shutil.copy(made, kept)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
