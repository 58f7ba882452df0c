"""A real Kafka broker for end-to-end tests, and the example lender run against it."""
import json
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ["ASSAY_BIN"]
TOOLS = pathlib.Path(os.environ.get("ASSAY_TOOLS", ROOT / "build/dev/bin"))
PATIENCE_S = 90  # ends a test that hangs; never decides one that works


def assay(*words, fails=None):
    """Run the program: its JSON summary, or with @p fails (the exit code) what it says."""
    done = subprocess.run([BIN, *map(str, words)], capture_output=True, text=True,
                          timeout=PATIENCE_S)
    assert done.returncode == (fails or 0), done.stderr
    return done.stderr if fails else json.loads(done.stdout)


def generated(count, seed):
    """That many lines of the example's events, late, duplicated and malformed ones among them."""
    users = max(50, count // 60)
    made = subprocess.run([BIN, "generate", "--users", str(users), "--days", "40", "--seed",
                           str(seed), "--late", "0.06", "--duplicate", "0.05", "--malformed",
                           "0.005"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    lines = made.stdout.splitlines()[:count]
    assert len(lines) == count
    return lines


class Broker:
    def __init__(self, port):
        self.port = port
        self.address = f"127.0.0.1:{port}"

    def kafka(self, *words):
        done = subprocess.run([ROOT / "scripts/kafka", *map(str, words)], text=True, timeout=300,
                              stdout=subprocess.PIPE,
                              env=os.environ | {"ASSAY_KAFKA_PORT": str(self.port)})
        assert done.returncode == 0, words
        return done.stdout.strip()

    def tool(self, command, topic, *words, given=None):
        done = subprocess.run([TOOLS / "kafka_tool", command, "--brokers", self.address, "--topic",
                               topic, *map(str, words)], input=given, capture_output=True,
                              timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def produce(self, topic, lines):
        self.tool("produce", topic, "--key-field", "user", given=b"\n".join(lines) + b"\n")

    def consumed(self, topic):
        """Records of a topic as dictionaries: partition, offset, key, id, value."""
        text = self.tool("consume", topic, "--until-end", "--json")
        return [json.loads(line) for line in text.splitlines()]

    def lender(self, folder, name, shards, topic="events"):
        """The example's folder with this broker, and topics of its own for what comes out."""
        here = folder / name
        shutil.copytree(ROOT / "config", here, ignore=shutil.ignore_patterns("state"))
        (here / "assay.yaml").write_text(f"""
state: ./state
shards: {shards}
sources:
  - kafka: {{brokers: "{self.address}", topics: [{topic}], format: json}}
sinks:
  - kafka: {{brokers: "{self.address}", topic: decisions.{name}}}
dead_letters: {{kafka: {{brokers: "{self.address}", topic: dead.{name}}}}}
""")
        self.kafka("topic", f"decisions.{name}", 2)
        self.kafka("topic", f"dead.{name}", 1)
        return here


def run(folder, *words):
    return assay("run", "-c", folder, "--until-end", "--json", *words)
