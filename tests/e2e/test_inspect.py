"""`assay features` and `assay config plan`: what they show is what rows, and the oracle, say."""
import collections
import csv
import json
import os
import pathlib
import random
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ["ASSAY_BIN"]
sys.path.insert(0, str(ROOT / "tests/prop"))

from gen import make_case  # noqa: E402
from oracle import Reader, Replay  # noqa: E402

DAY_MS = 86400000


def assay(*arguments, given=None):
    return subprocess.run([BIN, *map(str, arguments)], capture_output=True, input=given, text=True)


def look(*arguments):
    run = assay("features", "--json", *arguments)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


# --- against the rows of a replay -----------------------------------------------------------------
@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example's events in time order, its rows on payment, and the users' rows by event id."""
    folder = tmp_path_factory.mktemp("example")
    events = folder / "events.jsonl"
    made = assay("generate", "--users", 60, "--days", 25, "--late", 0, "--duplicate", 0, "--skewed",
                 0, "--malformed", 0, "-o", events)
    assert made.returncode == 0, made.stderr
    run = assay("replay", "-c", ROOT / "config", "--input", events, "--rows", folder / "rows.csv",
                "--on", "payment")
    assert run.returncode == 0, run.stderr
    users, times = {}, collections.Counter()
    for line in events.read_text().splitlines():
        event = json.loads(line)
        for role in ("user", "payer", "payee", "referrer"):
            times[event.get(role), event["time"]] += 1
        if event["type"] == "payment":
            users[event["id"]] = event["user"]
    rows = collections.defaultdict(list)
    with open(folder / "rows.csv", newline="") as file:
        for row in csv.DictReader(file):
            user = users[row["event_id"]]
            if times[user, int(row["time"])] == 1:  # else what follows belongs to it as well
                rows[user].append(row)
    return events, rows


def same(cell, value):
    if value is None:
        return cell == ""
    if isinstance(value, bool):
        return cell == ("1" if value else "0")
    return cell == value if isinstance(value, str) else float(cell) == value


@pytest.mark.parametrize("shards", (1, 3))
def test_values_are_those_of_the_keys_rows_now_and_in_the_past(example, shards):
    events, rows = example
    users = sorted(rows, key=lambda user: -len(rows[user]))[:6]
    expired = 0
    for user in users:
        for row in (rows[user][-1], rows[user][-4], rows[user][len(rows[user]) // 2]):
            shown = look(user, "--at", row["time"], "--shards", shards, "-c", ROOT / "config",
                         "--input", events)
            assert shown["at_ms"] == int(row["time"]) and shown["entity"] == "user"
            assert {f["name"] for f in shown["features"]} == {
                name for name in row if name.startswith("user.")}
            for feature in shown["features"]:
                if feature["state"] == "expired":
                    assert feature["value"] is None
                    expired += 1
                elif not feature["needs_event"]:
                    assert same(row[feature["name"]], feature["value"]), (user, row, feature)
    assert 0 < expired < 6 * 3 * 100


def test_without_a_time_it_is_the_newest_applied_one(example):
    events, _ = example
    shown = look("u1", "-c", ROOT / "config", "--input", events)
    times = [event["time"] for event in map(json.loads, events.read_text().splitlines())
             if "u1" in (event.get(role) for role in ("user", "payer", "payee", "referrer",
                                                      "referred"))]
    assert shown["at_ms"] == shown["newest_ms"] == max(times)
    assert shown["since_ms"] == min(times)
    text = assay("features", "u1", "-c", ROOT / "config", "--input", events).stdout
    assert text.startswith("user u1\n  as of         20") and "its newest applied time" in text
    assert look("u1", "--at", max(times), "-c", ROOT / "config", "--input", events) == shown


def test_a_recorded_run_can_be_looked_into(example, tmp_path):
    events, _ = example
    lender = tmp_path / "lender"
    lender.mkdir()
    (lender / "features.yaml").write_text((ROOT / "config/features.yaml").read_text())
    (lender / "assay.yaml").write_text(f"state: state\nshards: 1\nsources: [{{file: {events}}}]\n")
    run = assay("run", "-c", lender, "--until-end")
    assert run.returncode == 0, run.stderr
    recorded = look("u1", "-c", lender, "--recorded", lender / "state")
    assert recorded == look("u1", "-c", lender, "--shards", 1, "--input", events)


# --- against the oracle ---------------------------------------------------------------------------
def oracle_facts(reader, aggregate):
    """(events that count, time of the newest)"""
    window = reader.window(aggregate)
    if aggregate.field is not None and not aggregate.op.startswith("time_since"):
        window = [e for e in window if e.fields[aggregate.field.name] is not None]
    return len(window), window[-1].time if window else None


def aggregates_of(tree):
    """All Aggregates of a definition, in order of writing."""
    if tree[0] == "aggregate":
        yield tree[1]
        return
    for part in tree:
        for item in part if isinstance(part, list) else [part]:
            if isinstance(item, tuple) and item and isinstance(item[0], str):
                yield from aggregates_of(item)


def value_of(shown):
    return None if shown is None else shown.encode() if isinstance(shown, str) else shown


@pytest.mark.parametrize("seed", range(8))
def test_values_events_and_ages_are_the_oracles(tmp_path, seed):
    case = make_case(1000 + seed, 220)
    (tmp_path / "features.yaml").write_text(case.yaml(), encoding="utf-8")
    inputs = []
    for i, lines in enumerate(case.inputs):
        inputs.append(tmp_path / f"input{i}.jsonl")
        inputs[-1].write_bytes(b"".join(line + b"\n" for line in lines))
    replay = Replay(case.yaml(), case.inputs, case.on)
    state, picked = replay.state, random.Random(seed)
    keys = sorted(state.touched, key=lambda name: (-len(state.touched[name].times), name))[:5]
    answered = forgotten = 0
    for entity, key in keys:
        newest = state.touched[(entity, key)].times[-1]
        for back in (0, picked.randrange(1, DAY_MS), -picked.randrange(1, 3 * DAY_MS)):
            given = ["--entity", entity, "--at", newest - back, "--shards", 1 + 2 * (seed % 2),
                     "-c", tmp_path, "--input", *inputs, "--", os.fsdecode(key)]
            if state.living_from(entity, key, replay.safe) is None:
                run = assay("features", *given)
                assert run.returncode == 65 and "no event names this key" in run.stderr
                continue
            shown = look(*given)
            assert shown["newest_ms"] == newest
            reader = Reader(state, entity, key, newest - back, None)
            before = state.forgotten_before(entity, key, replay.safe)
            if before is not None and newest - back < before:
                assert shown["since_ms"] is None
                for feature in shown["features"]:
                    assert reader.features[feature["name"].split(".", 1)[1]][0] != "aggregate" or (
                        feature["state"] == "expired" and feature["value"] is None)
                forgotten += 1
                continue
            assert shown["since_ms"] == reader.alive
            for feature in shown["features"]:
                name = feature["name"].split(".", 1)[1]
                if feature["state"] == "expired":
                    assert back > 0  # an expression may make something of nothing, as if() does
                    assert feature["value"] is None or reader.features[name][0] != "aggregate"
                    continue
                answered += 1
                expected = reader.feature(name)
                got = value_of(feature["value"])
                assert got == expected and isinstance(got, bool) == isinstance(expected, bool), (
                    name, back, got, expected)
                check_aggregates(reader, name, feature)
    assert answered + 5 * forgotten > 5


def check_aggregates(reader, name, feature):
    """A feature that is one aggregate, its slot is that aggregate."""
    tree = reader.features[name]
    if tree[0] != "aggregate":
        return
    [slot] = feature["aggregates"]
    count, newest = oracle_facts(reader, tree[1])
    assert slot["events"] == count, (name, slot)
    if slot["newest_event_ms"] is None and newest is not None:
        assert newest <= slot["newest_event_before_ms"]
        return
    assert slot["newest_event_ms"] == newest
    assert slot["age_ms"] == (None if newest is None else reader.t - newest)


# --- a small lender -------------------------------------------------------------------------------
FEATURES = """
lateness: 1h
events:
  payment:
    fields:
      user:   {type: key, entity: user}
      shop:   {type: key, entity: shop, optional: true}
      amount: decimal(2)
      note:   category
      ok:     bool
  visit:
    fields:
      user:   {type: key, entity: user}
      page:   category
entities:
  user: {}
  shop: {expire: 30d}
features:
  user:
    pay_count: count(payment) over [1h, 1d]
    fail_rate: count(payment) where not ok over 1d / pay_count_1d
    pay_sum:   sum(payment.amount) over 1d
    pay_avg:   avg(payment.amount) over 1d
    note:      last(payment.note) over 3d delay 1h
    before:    avg(payment.amount) exclude current over 7d
    pages:     count_distinct(visit.page)
    first:     time_since_first(visit)
    pay_hour:  hour(time)
  shop:
    payers:    count_distinct(payment.user) over 1d
    volume:    sum(payment.amount)
"""


@pytest.fixture
def lender(tmp_path):
    (tmp_path / "features.yaml").write_text(FEATURES)
    events = [{"type": "payment", "time": 1000 * i, "id": f"p{i}", "user": f"u{i % 3}",
               "shop": "u1" if i % 2 else f"s{i % 5}", "amount": i, "note": "x" * i, "ok": i > 4}
              for i in range(1, 40)]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    return tmp_path


def test_mistakes_are_answered_with_what_would_be_right(lender):
    given = ["-c", lender, "--input", lender / "events.jsonl"]
    for arguments, code, told in (
            (["u1", *given], 64, "several entities have this key: u1 (allowed: user, shop)"),
            (["u9", *given], 65, "no event names this key: u9; there are 9 keys; did you mean u0, u1 or u2?"),
            (["u9", "-e", "user", *given], 65, 'entity "user" has 3 keys; did you mean u0, u1 or'),
            (["s7", "-e", "user", *given], 65, 'no event names this key: s7; entity "user" has 3'),
            (["s2", "-e", "user", *given], 65, 'it is a key of entity "shop", not of "user"'),
            (["u2", "-e", "usr", *given], 64, 'did you mean "user"?'),
            (["u2", "--at", "noon", *given], 64, "not a time: noon"),
            (["u2", "--at", "9007199254740992", *given], 64, "not a time"),
            (["u2", "--at", "2026-02-30", *given], 64, "not a time"),
            (["u2", "u1", *given], 64, "one key at a time"),
            (["", *given], 64, "a key is not empty"),
            (["--at", "5", *given], 64, "are about one key"),
            (["u2", "-c", lender], 64, "give --input FILE..., or --recorded STATE"),
            (["u2", "-c", lender, "--input", lender / "none"], 66, "No such file"),
            ([*given, "u2"], 66, "write the KEY before it"),
            (["u2", "-c", lender / "none", "--input", "x"], 78, "AS0102"),
            (["u2", *given, "--hot", "2000"], 64, "0 to 1024")):
        run = assay("features", *arguments)
        assert run.returncode == code and told in run.stderr, (arguments, run.stderr)
        assert run.stdout == ""


def test_what_comes_from_outside_does_not_steer_the_terminal(lender):
    evil = "u\x1b[2Jx"
    (lender / "events.jsonl").write_text("".join(
        json.dumps({"type": "payment", "time": 5, "user": key, "note": evil}) + "\n"
        for key in (evil, "u2")))
    given = ["-c", lender, "--input", lender / "events.jsonl"]
    for arguments in ([evil, *given], given, ["u\x1b[2Jy", *given]):
        run = assay("features", *arguments)
        assert "\x1b" not in run.stdout and "u\\x1b[2Jx" in run.stdout + run.stderr
        assert arguments[0].endswith("y") or "\x1b" not in run.stderr


def test_a_table_groups_features_by_event_and_marks_what_needs_one(lender):
    run = assay("features", "u2", "-e", "user", "-c", lender, "--input", lender / "events.jsonl",
                "--definitions")
    assert run.returncode == 0 and run.stderr == ""
    heads = [line.split()[0] for line in run.stdout.splitlines()
             if line and not line.startswith(" ")]
    assert heads == ["user", "payment", "visit", "no", "*"]
    assert "before *" in run.stdout and "pay_hour *" in run.stdout and "pay_sum *" not in run.stdout
    assert "      = (count(payment) where (not ok) over 1d / pay_count_1d)" in run.stdout.replace(
        "((count(payment) where (not ok) over 1d)", "(count(payment) where (not ok) over 1d")
    assert "7d exclude current" in run.stdout
    later = assay("features", "u2", "-e", "user", "--at", 3700000, "-c", lender, "--input",
                  lender / "events.jsonl")
    assert f' "{"x" * 24}"...  ok ' in later.stdout  # a long text is cut
    shown = look("u2", "-e", "user", "-c", lender, "--input", lender / "events.jsonl")
    note = next(f for f in shown["features"] if f["name"] == "user.note")
    assert note["value"] is None  # an hour of delay: nothing yet
    assert note["aggregates"][0]["window"] == "3d delay 1h"
    average = next(f for f in shown["features"] if f["name"] == "user.before")
    assert average["value"] == sum(range(2, 40, 3)) / len(range(2, 40, 3))


def test_an_expired_value_says_from_when_it_would_be_known(lender):
    given = ["u2", "-e", "user", "-c", lender, "--input", lender / "events.jsonl"]
    (lender / "events.jsonl").write_text("".join(
        json.dumps({"type": "payment", "time": DAY_MS * i, "user": "u2"}) + "\n"
        for i in range(1, 30)))
    shown = look(*given, "--at", 15 * DAY_MS)
    slot = next(f for f in shown["features"] if f["name"] == "user.before")
    assert slot["state"] == "expired"
    [facts] = slot["aggregates"]
    assert facts["state"] == "expired" and facts["events"] == 0
    edge = facts["answerable_from_ms"]
    for at, state in ((edge - 1, "expired"), (edge, "ok")):
        shown = look(*given, "--at", at)
        assert next(f for f in shown["features"] if f["name"] == "user.before")["state"] == state
    assert "answered from 1970-01-" in assay("features", *given, "--at", 15 * DAY_MS).stdout


@pytest.mark.parametrize("shards", (1, 3))
def test_the_store_counts_keys_bytes_and_who_is_hot(lender, shards):
    picked = random.Random(shards)
    users = [f"user-{int(9000 * picked.random() ** 3)}" for _ in range(20000)]
    (lender / "events.jsonl").write_text("".join(
        json.dumps({"type": "payment", "time": i, "user": user, "shop": "s" if i % 4 else None})
        + "\n" for i, user in enumerate(users)))
    given = ["-c", lender, "--input", lender / "events.jsonl", "--shards", shards]
    shown = look(*given, "--hot", 20)
    truth = collections.Counter(users)
    user, shop = shown["entities"]
    assert (user["keys"], shop["keys"]) == (len(truth), 1) and shown["keys"] == len(truth) + 1
    assert len(truth) > 1024 * shards  # more keys than counters
    assert user["updates"] == 20000 and shop["updates"] == shop["logged_events"] == 15000
    held = sum(sum(e["bytes"].values()) for e in shown["entities"])
    memory = shown["memory"]
    assert held + memory["index"] + memory["texts"] == memory["live"]
    assert len(user["hot"]) == 20
    for hot in user["hot"]:
        assert hot["count"] - hot["error"] <= truth[hot["key"]] <= hot["count"]
    listed = {hot["key"] for hot in user["hot"]}
    for key, count in truth.items():  # a key left out is no hotter than the coolest one listed
        assert key in listed or count <= user["hot"][-1]["count"]
    assert user["hot"][0]["key"] == truth.most_common(1)[0][0]
    text = assay("features", *given).stdout
    assert f"{len(truth) + 1:,} keys on {shards} shard" in text
    assert "hot keys of user, of 20,000 updates" in text and "late inserts" in text


def test_the_commands_of_the_page_work_as_written(tmp_path):
    page = (ROOT / "docs/inspect.md").read_text()
    commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.S)
                for line in block.splitlines()]
    assert len(commands) == 8
    (tmp_path / "config").symlink_to(ROOT / "config")
    for command in commands:
        words = command.replace("5000", "50").split()
        run = subprocess.run([BIN, *words[1:]], cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, (command, run.stderr)


# --- the plan -------------------------------------------------------------------------------------
def plan(*arguments):
    run = assay("config", "plan", "--json", *arguments)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_the_plan_says_what_is_shared_and_for_whose_sake_logs_reach_back(lender):
    shown = plan("-c", lender, "--no-measure")
    assert "measured" not in shown
    user, shop = shown["entities"]
    logs = {(log["event"], log["role"]): log for log in user["logs"]}
    assert set(logs) == {("payment", "user"), ("visit", "user")}
    payment, visit = logs["payment", "user"], logs["visit", "user"]
    day = [v for v in payment["views"] if v["window"] == "1d" and v["column"] == "amount"]
    assert [v["features"] for v in day] == [["pay_sum", "pay_avg"]]
    assert day[0]["aggregates"] == ["sum", "avg"]
    assert payment["retained_ms"] == 7 * DAY_MS + 3600000
    assert payment["farthest"] == {"text": "avg(payment.amount)", "window": "7d"}
    assert payment["keeps_all_for"] is None and not payment["lifetime"]
    assert visit["keeps_all_for"]["text"] == "count_distinct(visit.page)"
    assert shop["logs"][0]["folds_for"] == {"text": "sum(payment.amount)", "window": "lifetime"}
    rate = next(f for f in user["features"] if f["name"] == "user.fail_rate")
    assert rate["needs"] == ["pay_count_1d"] and rate["aggregates"] == 2
    assert "read_ns" not in rate
    text = assay("config", "plan", "-c", lender, "--no-measure").stdout
    assert "for pages, which no totals can answer: count_distinct(visit.page)" in text
    assert "before looks back 7d" in text and "pay_sum, pay_avg" in text


def test_the_plan_measures_every_feature_and_log_of_the_example():
    shown = plan("-c", ROOT / "config", "--measure", 400)
    assert 0 < shown["measured"]["seconds"] < 60 and shown["measured"]["events"] > 10000
    features = [f for entity in shown["entities"] for f in entity["features"]]
    assert len(features) == 239
    for feature in features:
        assert feature["read_ns"] >= 0, feature
    for entity in shown["entities"]:
        assert entity["read_all_ns"] > 0 and entity["filled_events"] >= 20
        for log in entity["logs"]:
            assert log["apply_ns"] > 0 and log["event_bytes"] >= 4
    text = assay("config", "plan", "-c", ROOT / "config", "--measure", 50).stdout
    assert "measured on this machine" in text and "the dearest:" in text


def test_plan_options_go_with_plan_alone(lender):
    for arguments, told in ((["check", "--measure", "5"], "goes with `assay config plan` alone"),
                            (["show", "--no-measure"], "goes with `assay config plan` alone"),
                            (["plan", "--measure", "5", "--no-measure"], "does not go with"),
                            (["plan", "--measure", "0"], "1 to 60000"),
                            (["plans"], "check, show, plan, schema")):
        run = assay("config", *arguments, "-c", lender)
        assert run.returncode == 64 and told in run.stderr, (arguments, run.stderr)
    (lender / "features.yaml").write_text("lateness: x\n")
    assert assay("config", "plan", "-c", lender).returncode == 78
