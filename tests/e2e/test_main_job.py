"""The main job on a real broker: events in a topic, features, decisions in a topic.

200,000 events of the example lender, late, duplicated and malformed ones among them, in four
partitions. What must have been accepted is counted by the independent twin in tests/prop; recorded
replay must give the live decisions byte for byte; one, two and four shards the same state.
"""
import collections
import json
import signal
import subprocess
import sys
import time

import pytest

from broker import BIN, ROOT, Broker, assay, generated, run

sys.path.insert(0, str(ROOT / "tests/prop"))
from oracle import Definitions, Partition  # noqa: E402
from oracle_events import Dead, decode  # noqa: E402

BROKER = Broker(19492)
PARTITIONS = 4
EVENTS = 200_000


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """The topic `events`, and its lines as they lie in the partitions."""
    assert BROKER.kafka("start", "--fresh") == BROKER.address
    BROKER.kafka("topic", "events", PARTITIONS)
    lines = generated(EVENTS, seed=11)
    BROKER.produce("events", lines)
    partitions = collections.defaultdict(list)
    text = BROKER.tool("consume", "events", "--until-end")
    for record in text.split(b"\n")[:-1]:
        partition, _, _, _, value = record.split(b"\t", 4)
        partitions[int(partition)].append(value)
    assert sorted(line for part in partitions.values() for line in part) == sorted(lines)
    yield partitions
    BROKER.kafka("stop")


@pytest.fixture(scope="module")
def expected(stream):
    """Per reason how many are set aside, and the (partition, offset) of accepted events by type."""
    definitions = Definitions((ROOT / "config/features.yaml").read_text())
    aside = collections.Counter()
    accepted = collections.defaultdict(set)
    for number, lines in stream.items():
        partition = Partition([])
        for offset, line in enumerate(lines):
            try:
                event = decode(definitions, line)
                reason = partition.admit(event, definitions.lateness)
            except Dead as dead:
                reason = str(dead)
            if reason:
                aside[reason] += 1
            else:
                accepted[event.type].add((number, offset))
    return aside, accepted


TRIGGERS = {"credit": "application", "repayment_intent": "collection_call", "churn": "app_open"}


@pytest.fixture(scope="module")
def live(stream, tmp_path_factory):
    folder = BROKER.lender(tmp_path_factory.mktemp("lender"), "live", 2)
    return folder, run(folder)


def test_nothing_is_lost_and_nothing_is_decided_twice(live, expected):
    _, summary = live
    aside, accepted = expected
    assert summary["messages"] == EVENTS
    assert summary["events"] == sum(map(len, accepted.values()))
    assert summary["duplicates"] == aside["duplicate"]
    aside = {reason: count for reason, count in aside.items() if reason != "duplicate"}
    assert summary["dead_letters"] == aside
    assert aside["late"] > 0 and len(aside) > 5
    records = BROKER.consumed("decisions.live")
    ids = collections.Counter(record["id"] for record in records)
    wanted = {f"kafka:events:{partition}:{offset}:{policy}"
              for policy, trigger in TRIGGERS.items() for partition, offset in accepted[trigger]}
    assert set(ids) == wanted and max(ids.values()) == 1
    assert summary["decisions"] == len(wanted) > 1000
    dead = [json.loads(record["value"]) for record in BROKER.consumed("dead.live")]
    assert collections.Counter(letter["reason"] for letter in dead) == aside


def test_every_decision_is_explained_and_keyed(live):
    for record in BROKER.consumed("decisions.live"):
        decision = json.loads(record["value"])
        assert record["id"] == decision["decision_id"]
        assert record["key"] == decision["keys"]["user"]
        assert decision["outcome"] and decision["plan"]
        if decision["policy"] == "credit" and decision["outcome"] == "decline":
            assert decision["reasons"], decision


def test_recorded_replay_gives_the_same_decisions_byte_for_byte(live, tmp_path):
    folder, summary = live
    again = assay("replay", "-c", folder, "--recorded", folder / "state", "--decisions",
                  tmp_path / "decisions.jsonl", "--json")
    sent = sorted(record["value"] for record in BROKER.consumed("decisions.live"))
    assert sorted((tmp_path / "decisions.jsonl").read_text().splitlines()) == sent
    assert again["state_hash"] == summary["state_hash"]
    assert again["decisions"] == summary["decisions"]


@pytest.mark.parametrize("shards", [1, 4])
def test_the_number_of_shards_does_not_change_the_state(live, shards, tmp_path):
    _, summary = live
    other = run(BROKER.lender(tmp_path, f"shards{shards}", shards))
    assert other["shards"] == shards
    assert other["state_hash"] == summary["state_hash"]
    assert other["dead_letters"] == summary["dead_letters"]
    recorded = assay("replay", "-c", tmp_path / f"shards{shards}", "--recorded",
                     tmp_path / f"shards{shards}/state", "--shards", 3, "--json")
    assert recorded["state_hash"] == summary["state_hash"]


def test_a_killed_run_goes_on_where_it_was(live, tmp_path):
    _, summary = live
    folder = BROKER.lender(tmp_path, "killed", 2)
    for _ in range(3):
        process = subprocess.Popen([BIN, "run", "-c", folder], stderr=subprocess.DEVNULL)
        time.sleep(0.7)
        process.send_signal(signal.SIGKILL)
        process.wait()
    ended = run(folder)
    assert ended["state_hash"] == summary["state_hash"]
    assert ended["decisions_differing"] == 0
    by_id = collections.defaultdict(set)
    for record in BROKER.consumed("decisions.killed"):
        by_id[record["id"]].add(record["value"])
    assert len(by_id) == summary["decisions"]
    assert all(len(values) == 1 for values in by_id.values())
    again = run(folder)
    assert again["decisions_sent"] == 0 and again["decisions_compared"] == summary["decisions"]
