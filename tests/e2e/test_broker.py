"""The Kafka source and output against a real Apache Kafka broker.

What the mock broker cannot show: transactions and their control records, retention, a broker that
dies and comes back, and the place that Java clients would give a key.
"""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(os.environ.get("ASSAY_TOOLS", ROOT / "build/dev/bin"))
PORT = "19392"
BROKERS = f"127.0.0.1:{PORT}"
PATIENCE_S = 60  # ends a test that hangs; never decides one that works


def kafka(*words):
    done = subprocess.run([ROOT / "scripts/kafka", *words], text=True, timeout=300,
                          stdout=subprocess.PIPE, env=os.environ | {"ASSAY_KAFKA_PORT": PORT})
    assert done.returncode == 0, words
    return done.stdout.strip()


def run(tool, *words, lines=(), fails=False):
    done = subprocess.run([TOOLS / tool, *map(str, words)], text=True, capture_output=True,
                          timeout=PATIENCE_S, input="".join(f"{line}\n" for line in lines))
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def produce(topic, lines, *words):
    run("kafka_tool", "produce", "--brokers", BROKERS, "--topic", topic, *words, lines=lines)


def messages(text):
    rows = [line.split("\t") for line in text.splitlines() if line != "live"]
    return [(int(partition), int(offset), value) for partition, offset, value in rows]


def poll(topic, homes, starts):
    return messages(run("feed_tool", "poll", BROKERS, topic, homes, ",".join(map(str, starts))))


@pytest.fixture(scope="module", autouse=True)
def broker():
    assert kafka("start", "--fresh") == BROKERS
    yield
    kafka("stop")


@pytest.fixture
def topic(request):
    """A topic named after the test, with as many partitions as it asks for."""
    name = request.node.name.replace("[", "-").replace("]", "")
    kafka("topic", name, str(getattr(request, "param", 1)))
    return name


def murmur2(data):
    """Kafka's own variant, as org.apache.kafka.common.utils.Utils computes it."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        value = (value * m & mask) ^ k
    if len(data) > whole:
        value = (value ^ int.from_bytes(data[whole:], "little")) * m & mask
    value = (value ^ value >> 13) * m & mask
    return value ^ value >> 15


@pytest.mark.parametrize("topic", [4], indirect=True)
def test_output_places_keys_as_java_clients_do_and_carries_the_decision_id(topic):
    lines = [f"u{i % 50}" for i in range(500)]
    assert run("feed_tool", "send", BROKERS, topic, lines=lines) == "delivered\n"
    read = run("kafka_tool", "consume", "--brokers", BROKERS, "--topic", topic, "--until-end",
               "--json")
    records = [json.loads(line) for line in read.splitlines()]
    assert sorted(record["value"] for record in records) == sorted(lines)
    for record in records:
        assert record["key"] == record["id"] == record["value"]
        assert record["partition"] == (murmur2(record["key"].encode()) & 0x7FFFFFFF) % 4


@pytest.mark.parametrize("topic", [5], indirect=True)
def test_source_gives_every_message_once_and_goes_on_at_offsets(topic):
    lines = [json.dumps({"user": f"u{i % 97}", "n": i}) for i in range(3000)]
    produce(topic, lines, "--key-field", "user")
    got = poll(topic, 3, ["-"] * 5)
    assert sorted(value for _, _, value in got) == sorted(lines)
    for partition in range(5):
        offsets = [offset for number, offset, _ in got if number == partition]
        assert offsets == list(range(len(offsets)))

    starts = [100, 50, 0, 10, 1]
    again = poll(topic, 2, starts)
    assert sorted(again) == sorted(row for row in got if row[1] >= starts[row[0]])
    more = [json.dumps({"user": "u1", "n": i}) for i in range(3000, 3010)]
    produce(topic, more, "--key-field", "user")
    ends = [sum(1 for row in got if row[0] == partition) for partition in range(5)]
    assert [value for _, _, value in poll(topic, 1, ends)] == more


def test_rolled_back_events_are_not_seen_and_control_records_end_no_read(topic):
    produce(topic, ["a0", "a1", "a2"], "--transaction", "commit")    # 0-2, marker 3
    produce(topic, ["x4", "x5"], "--transaction", "abort")           # 4-5, marker 6
    produce(topic, ["b7", "b8"], "--transaction", "commit")          # 7-8, marker 9
    produce(topic, ["x10"], "--transaction", "abort")                # 10, marker 11
    offsets = run("kafka_tool", "offsets", "--brokers", BROKERS, "--topic", topic)
    assert offsets == "0\t0\t12\n"
    good = [(0, 0, "a0"), (0, 1, "a1"), (0, 2, "a2"), (0, 7, "b7"), (0, 8, "b8")]
    assert poll(topic, 1, ["-"]) == good  # ends, though offsets 9 to 11 hold no event

    # Ranges that end inside or after what is not an event, then live reading of the rest.
    text = run("feed_tool", "take", BROKERS, topic, "0:0:3", "0:3:7", "0:7:8")
    assert text.endswith("live\n0\t8\tb8\n")
    assert messages(text) == good
    assert messages(run("feed_tool", "take", BROKERS, topic, "0:0:12")) == good
    assert messages(run("feed_tool", "take", BROKERS, topic, "0:2:5")) == good[2:]
    # A seek back; the record read too far before it must not come twice.
    text = run("feed_tool", "take", BROKERS, topic, "0:0:4", "0:1:4")
    assert messages(text) == good[:3] + good[1:]


def test_offsets_that_retention_passed_are_refused_with_their_place(topic):
    produce(topic, [f"m{i}" for i in range(20)])
    run("kafka_tool", "truncate", "--brokers", BROKERS, "--topic", topic, "--partition", 0,
        "--before", 5)
    why = run("feed_tool", "poll", BROKERS, topic, 1, 0, fails=True)
    assert why.splitlines()[-1].startswith(f"E_UNAVAILABLE {topic} partition 0:")
    assert "retention has passed" in why and "offset 0 (allowed: 5 to 20)" in why
    why = run("feed_tool", "take", BROKERS, topic, "0:3:8", fails=True)
    assert "E_UNAVAILABLE" in why and "retention has passed" in why
    assert [offset for _, offset, _ in poll(topic, 1, ["-"])] == list(range(5, 20))
    assert [offset for _, offset, _ in poll(topic, 1, [5])] == list(range(5, 20))
    why = run("feed_tool", "poll", BROKERS, topic, 1, 21, fails=True)
    assert "E_UNAVAILABLE" in why and "ends before the offset wanted" in why


def test_a_topic_that_does_not_exist_is_refused_and_not_made():
    why = run("feed_tool", "poll", BROKERS, "nowhere", 1, "-", fails=True)
    assert "E_CONFIG" in why and "topic nowhere" in why
    why = run("feed_tool", "send", BROKERS, "nowhere", lines=["x"], fails=True)
    assert "E_IO" in why and "nowhere" in why


@pytest.mark.parametrize("topic", [3], indirect=True)
def test_nothing_is_lost_when_the_broker_dies_and_comes_back(topic):
    first = [f"first{i}" for i in range(300)]
    second = [f"second{i}" for i in range(300)]
    run("feed_tool", "send", BROKERS, topic, lines=first)
    follower = subprocess.Popen([TOOLS / "feed_tool", "follow", BROKERS, topic, "600"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    sender = None
    try:
        seen = [follower.stdout.readline() for _ in first]  # it reads before the broker dies
        kafka("kill")
        sender = subprocess.Popen([TOOLS / "feed_tool", "send", BROKERS, topic], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        sender.stdin.write("".join(f"{line}\n" for line in second))
        sender.stdin.close()
        late = subprocess.Popen([TOOLS / "feed_tool", "follow", BROKERS, topic, "600"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        kafka("start")
        assert sender.wait(PATIENCE_S) == 0, sender.stderr.read()
        rest, said = follower.communicate(timeout=PATIENCE_S)
        whole, late_said = late.communicate(timeout=PATIENCE_S)
    finally:
        for process in (follower, sender):
            if process is not None and process.poll() is None:
                process.kill()
        kafka("start")
    got = messages("".join(seen) + rest)
    assert sorted(value for _, _, value in got) == sorted(first + second)
    assert sorted(got) == sorted(messages(whole))
    for partition in range(3):
        offsets = [offset for number, offset, _ in got if number == partition]
        assert offsets == list(range(len(offsets)))
    assert '"event":"kafka_down"' in said and '"event":"kafka_up"' in said
    assert '"event":"kafka_waiting"' in late_said
