"""A build without Kafka says so wherever Kafka is asked for, and scores files all the same."""
import os
import subprocess

import pytest

BIN = os.environ["ASSAY_BIN"]


def assay(*arguments):
    return subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("command, remedy", [("demo", "assay replay"), ("run", "read files")])
def test_a_command_that_needs_kafka_names_what_is_missing(tmp_path, command, remedy):
    run = assay(command, "-c", "config", "--state", tmp_path / "state")
    assert run.returncode == 78
    assert "this build has no Kafka" in run.stderr and remedy in run.stderr
    assert "-DASSAY_WITH_KAFKA=ON" in run.stderr and run.stdout == ""


def test_a_file_is_scored_but_no_decision_goes_to_kafka(tmp_path):
    (tmp_path / "features.yaml").write_text(
        "lateness: 1h\nevents:\n  ping:\n    fields:\n      user: {type: key, entity: user}\n"
        "entities:\n  user: {}\nfeatures:\n  user:\n    pings: count(ping) over 1h\n")
    (tmp_path / "decisions.yaml").write_text(
        "policies:\n  all:\n    trigger: ping\n    else: approve\n")
    (tmp_path / "assay.yaml").write_text(
        "sources:\n  - file: {path: events.jsonl}\nsinks:\n"
        "  - kafka: {brokers: '127.0.0.1:1', topic: decisions}\n")
    (tmp_path / "events.jsonl").write_text('{"type":"ping","time":1000,"user":"u"}\n')
    replayed = assay("replay", "-c", tmp_path, "--input", tmp_path / "events.jsonl",
                     "--decisions", "-")
    assert replayed.returncode == 0 and '"outcome":"approve"' in replayed.stdout
    run = assay("run", "-c", tmp_path)
    assert run.returncode == 78 and "kafka sink: this build has no Kafka" in run.stderr
