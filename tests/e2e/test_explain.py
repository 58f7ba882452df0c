"""Why was I declined? A tiny lender decides, and `assay explain` answers from the audit log alone."""
import json
import os
import subprocess

import pytest

BIN = os.environ["ASSAY_BIN"]

FEATURES = """
lateness: 1h
events:
  payment:
    fields:
      user:    {type: key, entity: user}
      device:  {type: key, entity: device, optional: true}
      amount:  decimal(2)
      channel: category
      ok:      bool
  application:
    fields:
      user:   {type: key, entity: user}
      device: {type: key, entity: device, optional: true}
      amount: decimal(2)
entities:
  user: {}
  device: {}
features:
  user:
    pay_count:  count(payment) over 1d
    fail_count: count(payment) where not ok over 1d
    fail_rate:  fail_count / pay_count
    channel:    last(payment.channel)
  device:
    users: count_distinct(payment.user) over 7d
"""
DECISIONS = """
models:
  card: {file: card.json, kind: scorecard}
policies:
  credit:
    trigger: application
    model: card
    event: bad
    reasons: {max: 4, catalogue: reasons.csv}
    rules:
      - when: device.users > 2
        then: review
        reason: R07
      - when: user.channel = "atm" and application.amount > 100
        then: decline
      - when: score < 530
        then: decline
    else: approve
"""
CARD = {
    "kind": "scorecard", "event": "bad", "points_for": "non-event", "points": 600, "odds": 50,
    "pdo": 20, "base": 500, "base_split": "apart",
    "features": [
        {"name": "user.fail_rate", "missing": 12,
         "bins": [{"to": 0.05, "points": 40}, {"from": 0.05, "to": 0.5, "points": 25},
                  {"from": 0.5, "points": 5}]},
        {"name": "user.pay_count", "missing": 0,
         "bins": [{"to": 2, "points": 10}, {"from": 2, "points": 60}]}]}
REASONS = """feature,family,code,en,zh
user.fail_rate,paying,R01,Payments fail often,付款经常失败
user.pay_count,history,R02,Few payments,
,network,R07,Several people share the device,多人共用设备
"""
SETTINGS = """
state: ./state
sources:
  - file: {path: events.jsonl}
sinks:
  - file: {path: decisions.jsonl}
"""


def payment(time, user, channel="app", ok=True, device="d1"):
    return {"type": "payment", "time": time, "user": user, "device": device, "amount": 60.5,
            "channel": channel, "ok": ok}


def application(time, user, device="d1", amount=500):
    event = {"type": "application", "time": time, "user": user, "device": device, "amount": amount}
    return {name: value for name, value in event.items() if value is not None}


EVENTS = [
    payment(1_735_689_600_000, "u1"), application(1_735_689_600_123, "u1"),
    payment(1_735_689_601_000, "u2", "atm", ok=False),
    payment(1_735_689_602_000, "u2", "atm", ok=False), application(1_735_689_603_000, "u2"),
    payment(1_735_689_604_000, "u3", "柜台\x1b[31m"), payment(1_735_689_604_500, "u1"),
    application(1_735_689_605_000, "u3"), application(1_735_689_606_000, "u4", device=None),
]
OFFSETS = [1, 4, 7, 8]


def assay(*arguments, cwd=None):
    return subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)


def write(folder, decisions=DECISIONS, events=EVENTS):
    (folder / "features.yaml").write_text(FEATURES)
    (folder / "decisions.yaml").write_text(decisions)
    (folder / "card.json").write_text(json.dumps(CARD))
    (folder / "reasons.csv").write_text(REASONS)
    (folder / "assay.yaml").write_text(SETTINGS)
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))


def run(folder):
    done = assay("run", "-c", folder, "--until-end")
    assert done.returncode == 0, done.stderr
    lines = (folder / "decisions.jsonl").read_text().splitlines()
    return {int(d["decision_id"].split(":")[3]): d for d in map(json.loads, lines)}


@pytest.fixture
def lender(tmp_path):
    folder = tmp_path / "lender"
    folder.mkdir()
    write(folder)
    decisions = run(folder)
    assert sorted(decisions) == OFFSETS
    return folder, decisions


def explain(folder, *arguments):
    done = assay("explain", *arguments, "--state", folder / "state")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


def fields(text):
    """The `label  value` lines of the head."""
    head = text.split("\n\n")[0].splitlines()[1:]
    return {line[2:15].strip(): line[15:] for line in head if line[2:15].strip()}


def test_everything_about_a_decision_is_told(lender):
    folder, decisions = lender
    decision = decisions[7]
    text = explain(folder, decision["decision_id"])
    assert text.startswith(f"Decision {decision['decision_id']}\n")
    told = fields(text)
    assert told["policy"] == "credit, on event application"
    assert told["outcome"] == "review"
    assert told["time"] == "2025-01-01T00:00:05.000Z"
    assert told["keys"] == "user u3" and "\n               device d1\n" in text
    assert told["score"] == told["raw"] == "550"
    assert told["probability"] == f"{decision['probability']!r} of bad"
    assert told["decided by"] == "rule 1: device.users > 2"
    assert "  1. R07 Several people share the device (device.users = 3)\n" in text
    assert "  2. R02 Few payments (user.pay_count = 1): -50 points\n" in text
    table = text.split("Features")[1].split("Versions")[0].splitlines()
    assert [line.split()[0] for line in table[1:] if line] == [
        "(baseline)", "user.pay_count", "user.fail_rate", "user.channel", "device.users",
        "application.amount"]
    assert table[1].split() == ["(baseline)", "+600"]
    assert table[2].split() == ["user.pay_count", "1", "-50", "-" * 24]
    assert table[3].split() == ["user.fail_rate", "0", "+0"]
    for version in (decision["plan"], f"card {decision['models']['card']}",
                    f"epoch        {decision['epoch']}"):
        assert version in text.split("Versions")[1]


def test_text_of_events_cannot_steer_the_terminal(lender):
    folder, decisions = lender
    text = explain(folder, decisions[7]["decision_id"])
    assert '"柜台\\x1b[31m"' in text and "\x1b" not in text


def test_the_rule_is_told_as_written_and_else_when_none_held(lender):
    folder, decisions = lender
    assert fields(explain(folder, decisions[4]["decision_id"]))["decided by"] == \
        'rule 2: user.channel = "atm" and application.amount > 100'
    assert fields(explain(folder, decisions[8]["decision_id"]))["decided by"] == \
        "rule 3: score < 530"
    assert fields(explain(folder, decisions[1]["decision_id"]))["decided by"] == \
        "else: no rule held"


def test_absent_values_and_keys_are_told_as_such(lender):
    folder, decisions = lender
    text = explain(folder, decisions[8]["decision_id"])
    assert "device (not given)" in text
    assert "R01 Payments fail often (user.fail_rate = null): -28 points" in text


def test_reasons_speak_the_asked_language_and_the_other_where_it_is_silent(lender):
    folder, decisions = lender
    text = explain(folder, decisions[7]["decision_id"], "--lang", "zh")
    assert "R07 多人共用设备 (" in text and "R02 Few payments (" in text
    assert explain(folder, decisions[7]["decision_id"], "--lang=en") == \
        explain(folder, decisions[7]["decision_id"])


def test_json_agrees_with_the_line_that_left_and_adds_up(lender):
    folder, decisions = lender
    for decision in decisions.values():
        told = json.loads(explain(folder, decision["decision_id"], "--json"))
        for name in decision:
            if name != "reasons":
                assert told[name] == decision[name], name
        assert [{k: r[k] for k in ("code", "feature", "value", "points")}
                for r in told["reasons"]] == decision["reasons"]
        parts = sum(part["raw"] for part in told["contributions"])
        assert abs(told["baseline"] + parts - told["raw"]) < 1e-9
        values = {value["name"]: value["value"] for value in told["values"]}
        assert values["application.amount"] in (500, 5)
        assert set(values) == {"user.pay_count", "user.fail_rate", "user.channel", "device.users",
                               "application.amount"}
    told = json.loads(explain(folder, decisions[4]["decision_id"], "--json"))
    assert told["rule"] == {"index": 1,
                            "when": 'user.channel = "atm" and application.amount > 100'}
    assert told["reasons"][0]["zh"] == "付款经常失败" and told["predicted"] == "bad"


def test_the_newest_decisions_are_listed_first(lender):
    folder, decisions = lender
    ids = [decisions[offset]["decision_id"] for offset in reversed(OFFSETS)]
    lines = explain(folder, "--last").splitlines()
    assert [line.split()[0] for line in lines] == ids
    assert lines[0].split()[1:] == ["2025-01-01T00:00:06.000Z", "credit", "decline", "522"]
    assert explain(folder, "--last", 2).splitlines() == lines[:2]
    listed = explain(folder, "--last", "3", "--json").splitlines()
    assert [json.loads(line)["decision_id"] for line in listed] == ids[:3]


def test_the_beginning_of_an_id_will_do_if_it_is_the_only_one(lender):
    folder, decisions = lender
    whole = decisions[4]["decision_id"]
    assert explain(folder, whole[:-len(":credit")]) == explain(folder, whole)
    several = assay("explain", "file:", "--state", folder / "state")
    assert several.returncode == 64 and several.stdout == ""
    assert "4 decisions begin so" in several.stderr and "not unique" in several.stderr
    for decision in decisions.values():
        assert f"  {decision['decision_id']}\n" in several.stderr


def test_of_many_that_begin_so_five_are_listed(tmp_path):
    write(tmp_path, events=[application(1000 + i, f"u{i}") for i in range(12)])
    decisions = run(tmp_path)
    stem = decisions[1]["decision_id"].removesuffix(":credit")
    several = assay("explain", stem, "--state", tmp_path / "state")
    assert several.returncode == 64
    assert "3 decisions begin so" in several.stderr  # 1, 10 and 11
    many = assay("explain", "file:", "--state", tmp_path / "state")
    assert many.stderr.count(":credit\n") == 5 and "and 7 more" in many.stderr
    assert fields(explain(tmp_path, stem + ":credit"))["keys"] == "user u1"  # the whole id is exact


def test_the_state_folder_is_found_by_default_and_by_the_configuration(lender):
    folder, decisions = lender
    whole = decisions[4]["decision_id"]
    text = explain(folder, whole)
    assert assay("explain", whole, cwd=folder).stdout == text
    assert assay("explain", "-c", folder, whole).stdout == text
    (folder / "card.json").unlink()
    broken = assay("explain", "-c", folder, whole)
    assert broken.returncode == 78 and "--state" in broken.stderr
    assert explain(folder, whole) == text  # the log stands alone


def test_an_unknown_id_is_answered_with_the_nearest_and_the_way_to_list(lender):
    folder, decisions = lender
    whole = decisions[4]["decision_id"]
    state = ["--state", folder / "state"]
    typo = assay("explain", whole.replace(":credit", ":cerdit"), *state)
    assert typo.returncode == 66 and typo.stdout == ""
    assert f"did you mean {whole}?" in typo.stderr and "explain --last" in typo.stderr
    foreign = assay("explain", "kafka:payments:1:2:intent", *state)
    assert foreign.returncode == 66
    assert f"an id looks like {decisions[8]['decision_id']}" in foreign.stderr


@pytest.mark.parametrize("arguments, told", [
    ([], "give the id of one decision"), (["a", "b"], "give the id of one decision"),
    ([""], "give the id of one decision"), (["x", "--lang", "fr"], "en or zh"),
    (["--last", "0"], "1 to 10000"), (["--last", "ten"], "1 to 10000"),
    (["--last", "1.5"], "1 to 10000"), (["--last", "3", "4"], "give the id"),
])
def test_wrong_usage_says_what_is_wanted(lender, arguments, told):
    done = assay("explain", *arguments, "--state", lender[0] / "state")
    assert done.returncode == 64 and told in done.stderr and done.stdout == ""


def test_missing_folders_and_logs_are_named(tmp_path):
    gone = assay("explain", "x", "--state", tmp_path / "none")
    assert gone.returncode == 66 and "no such state folder" in gone.stderr
    (tmp_path / "empty").mkdir()
    empty = assay("explain", "x", "--state", tmp_path / "empty")
    assert empty.returncode == 66 and "audit.log" in empty.stderr
    (tmp_path / "empty" / "audit.log").write_text("hello, world")
    other = assay("explain", "x", "--state", tmp_path / "empty")
    assert other.returncode == 65 and "not a file of this kind" in other.stderr


def test_a_log_without_decisions_says_so(tmp_path):
    write(tmp_path, events=EVENTS[:1])
    done = assay("run", "-c", tmp_path, "--until-end")
    assert done.returncode == 0, done.stderr
    for arguments in (["--last"], ["x"]):
        empty = assay("explain", *arguments, "--state", tmp_path / "state")
        assert empty.returncode == 66 and "no decision" in empty.stderr


def test_a_torn_tail_is_told_and_what_is_whole_is_shown(lender):
    folder, decisions = lender
    text = explain(folder, decisions[4]["decision_id"])
    log = folder / "state" / "audit.log"
    whole = log.read_bytes()
    log.write_bytes(whole + b"\x40\0\0\0\2\0\1\0half")
    torn = assay("explain", decisions[4]["decision_id"], "--state", folder / "state")
    assert torn.returncode == 0 and torn.stdout == text
    assert "the last 12 bytes are no whole record" in torn.stderr
    for cut in (1, 9, 17, len(whole) // 3):
        log.write_bytes(whole[:-cut])
        listed = assay("explain", "--last", "--state", folder / "state")
        assert "no whole record" in listed.stderr and listed.returncode in (0, 66)
        assert set(line.split()[0] for line in listed.stdout.splitlines()) <= \
            {decision["decision_id"] for decision in decisions.values()}


def test_damage_is_an_error_but_decisions_before_it_are_still_explained(lender):
    folder, decisions = lender
    text = explain(folder, decisions[1]["decision_id"])
    log = folder / "state" / "audit.log"
    bytes_ = bytearray(log.read_bytes())
    at = bytes_.rindex(b"u3")  # in the third decision
    bytes_[at] ^= 1
    log.write_bytes(bytes_)
    for wanted, shown in ((1, text), (8, "")):
        damaged = assay("explain", decisions[wanted]["decision_id"], "--state", folder / "state")
        assert damaged.returncode == 65 and damaged.stdout == shown
        assert "audit.log" in damaged.stderr and "damaged between offset" in damaged.stderr
    prefix = assay("explain", decisions[1]["decision_id"][:-3], "--state", folder / "state")
    assert prefix.returncode == 65 and prefix.stdout == ""  # nobody knows if it is the only one


def test_each_decision_is_read_against_the_plan_it_was_made_under(lender, tmp_path):
    folder, decisions = lender
    later = tmp_path / "later"
    later.mkdir()
    write(later, DECISIONS.replace("score < 530", "score < 529").replace("credit:", "limit:"))
    limits = run(later)
    log = folder / "state" / "audit.log"
    both = log.read_bytes() + (later / "state" / "audit.log").read_bytes()[8:]
    log.write_bytes(both)
    old, new = decisions[8]["decision_id"], limits[8]["decision_id"]
    assert fields(explain(folder, old))["decided by"] == "rule 3: score < 530"
    assert fields(explain(folder, new))["decided by"] == "rule 3: score < 529"
    assert decisions[8]["plan"] in explain(folder, old)
    assert limits[8]["plan"] in explain(folder, new)
    assert len(explain(folder, "--last", 100).splitlines()) == 8


def test_a_restarted_run_adds_nothing_to_explain_twice(lender):
    folder, _ = lender
    before = explain(folder, "--last")
    assert assay("run", "-c", folder, "--until-end").returncode == 0
    assert explain(folder, "--last") == before


def test_output_that_cannot_be_written_is_an_error(lender):
    folder, decisions = lender
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN, "explain", decisions[1]["decision_id"], "--state",
                               str(folder / "state")], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 74
