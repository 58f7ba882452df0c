"""What goes wrong around a run, on a real broker: it keeps trying, says so, and loses nothing.

Each test judges by an undisturbed run over the same topic: the same state, the same decisions by id,
and no id with two values.
"""
import collections
import json
import random
import signal
import subprocess
import time

import pytest

from broker import BIN, PATIENCE_S, Broker, assay, generated, run

BROKER = Broker(19792)
EVENTS = 60_000


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    assert BROKER.kafka("start", "--fresh") == BROKER.address
    BROKER.kafka("topic", "events", 3)
    BROKER.produce("events", generated(EVENTS, seed=5))
    folder = BROKER.lender(tmp_path_factory.mktemp("lender"), "undisturbed", 2)
    yield run(folder)
    BROKER.kafka("stop")


def start(folder):
    """A run without end, its log in a file."""
    with open(folder / "log", "ab") as log:
        return subprocess.Popen([BIN, "run", "-c", folder, "--json"], stdout=subprocess.PIPE,
                                stderr=log, text=True)


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def said(folder, word):
    return word in (folder / "log").read_text()


def has_recorded(folder):
    path = folder / "state/epochs.log"
    return path.exists() and path.stat().st_size > 500


def terminated(process):
    """End it as an operator would; its summary."""
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    return json.loads(out)


def judge(name, ended, undisturbed, sent_twice):
    assert ended["state_hash"] == undisturbed["state_hash"]
    assert ended["decisions"] == undisturbed["decisions"]
    assert ended["decisions_differing"] == 0
    values = collections.defaultdict(list)
    for record in BROKER.consumed(f"decisions.{name}"):
        values[record["id"]].append(record["value"])
    assert len(values) == undisturbed["decisions"]
    assert all(len(set(same)) == 1 for same in values.values())
    assert sent_twice or all(len(same) == 1 for same in values.values())


def test_a_terminated_run_goes_on_and_sends_nothing_again(undisturbed, tmp_path):
    folder = BROKER.lender(tmp_path, "terminated", 2)
    process = start(folder)
    wait_for("epochs", lambda: has_recorded(folder))
    first = terminated(process)
    ended = run(folder)
    assert ended["decisions_compared"] == first["decisions"]
    assert first["decisions_sent"] + ended["decisions_sent"] == undisturbed["decisions"]
    judge("terminated", ended, undisturbed, sent_twice=False)


def test_killed_runs_with_torn_logs_go_on(undisturbed, tmp_path):
    folder = BROKER.lender(tmp_path, "torn", 2)
    dice = random.Random(3)
    for _ in range(4):
        process = start(folder)
        wait_for("epochs", lambda: has_recorded(folder))
        time.sleep(dice.random() / 5)
        process.kill()
        process.communicate()
        with open(folder / "state/audit.log", "r+b") as log:
            size = log.seek(0, 2)
            log.truncate(max(8, size - dice.randrange(60)))
        with open(folder / "state/epochs.log", "ab") as log:
            log.write(dice.randbytes(dice.randrange(40)))  # a record that did not get whole
    judge("torn", run(folder), undisturbed, sent_twice=True)


def test_a_second_process_is_told_who_has_the_folder(undisturbed, tmp_path):
    folder = BROKER.lender(tmp_path, "second", 1)
    process = start(folder)
    wait_for("the lock", lambda: has_recorded(folder))
    told = assay("run", "-c", folder, "--until-end", fails=75)
    assert str(process.pid) in told and str(folder / "state") in told
    terminated(process)
    judge("second", run(folder), undisturbed, sent_twice=False)


def test_a_damaged_epoch_log_is_refused_with_its_place(undisturbed, tmp_path):
    folder = BROKER.lender(tmp_path, "damaged", 1)
    run(folder)
    log = folder / "state/epochs.log"
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    told = assay("run", "-c", folder, "--until-end", fails=65)
    assert "epochs.log" in told


def test_other_definitions_under_an_old_state_are_refused(undisturbed, tmp_path):
    folder = BROKER.lender(tmp_path, "changed", 1)
    run(folder)
    features = folder / "features.yaml"
    features.write_text(features.read_text().replace("over 30d", "over 29d", 1))
    told = assay("run", "-c", folder, "--until-end", fails=78)
    assert "state" in told and ";" in told  # says what to do


def test_retention_that_has_passed_is_refused_with_the_offsets(undisturbed, tmp_path):
    BROKER.kafka("topic", "short", 1)
    BROKER.produce("short", generated(5_000, seed=6))
    folder = BROKER.lender(tmp_path, "short", 1, topic="short")
    run(folder)
    BROKER.tool("truncate", "short", "--partition", 0, "--before", 3_000)
    for command in (["run", "--until-end"], ["replay", "--recorded", folder / "state"]):
        told = assay(command[0], "-c", folder, *command[1:], fails=69)
        assert "short" in told and "3000" in told


def test_a_missing_topic_is_refused_and_named(undisturbed, tmp_path):
    folder = BROKER.lender(tmp_path, "missing", 1, topic="nowhere")
    assert "nowhere" in assay("run", "-c", folder, "--until-end", fails=78)


def test_a_broker_that_dies_or_is_not_there_yet_is_waited_for(undisturbed, tmp_path):
    BROKER.kafka("topic", "waited", 3)
    lines = generated(20_000, seed=7)
    BROKER.produce("waited", lines[:10_000])
    folder = BROKER.lender(tmp_path, "patient", 2, topic="waited")
    BROKER.kafka("kill")
    process = start(folder)
    wait_for("the log to tell", lambda: said(folder, "kafka_waiting"))
    BROKER.kafka("start")
    wait_for("epochs", lambda: has_recorded(folder))
    BROKER.kafka("kill")
    wait_for("the log to tell", lambda: said(folder, "kafka_down"))
    assert process.poll() is None
    BROKER.kafka("start")
    BROKER.produce("waited", lines[10_000:])
    calm = run(BROKER.lender(tmp_path, "calm", 1, topic="waited"))
    assert calm["messages"] == 20_000
    wait_for("everything", lambda: len({record["id"] for record in BROKER.consumed(
        "decisions.patient")}) == calm["decisions"])
    terminated(process)
    judge("patient", run(folder), calm, sent_twice=True)
