"""Old events of hot keys on disk, as a person sets it up: same answers, and what is said of it."""
import json
import os
import random
import subprocess

import pytest

BIN = os.environ["ASSAY_BIN"]
EVENTS = 60_000
FEATURES = """\
lateness: 1m
events:
  pay: {fields: {shop: {type: key, entity: shop}, amount: decimal(2), device: category}}
entities: {shop: {}}
features:
  shop:
    sums: sum(pay.amount) over [1h, 1d, 30d]
    first: first(pay.amount) over 7d
    kinds: count_distinct(pay.device) over 1h
"""


def assay(*arguments):
    return subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True)


def folder_of(base, name, settings):
    folder = base / name
    folder.mkdir()
    (folder / "features.yaml").write_text(FEATURES)
    if settings:
        (folder / "assay.yaml").write_text(settings)
    return folder


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Two hot shops; some events are a little late."""
    pick = random.Random(7)
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    with path.open("w") as out:
        for i in range(EVENTS):
            late_ms = pick.randint(0, 50_000) if i % 40 == 0 else 0
            out.write(json.dumps({"type": "pay", "id": f"e{i}", "shop": f"s{pick.randint(0, 1)}",
                                  "time": 1_700_000_000_000 + 9000 * i - late_ms,
                                  "amount": pick.randint(1, 99999) / 100,
                                  "device": f"d{pick.randint(0, 40)}"}) + "\n")
    return path


def replay(folder, events, *more):
    run = assay("replay", "-c", folder, "--input", events, "--rows", folder / "rows.csv", "--on",
                "pay", "--json", *more)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout), (folder / "rows.csv").read_bytes(), run.stderr


def test_rows_and_state_are_those_of_memory_whatever_the_shards(tmp_path, events):
    memory, rows, _ = replay(folder_of(tmp_path, "memory", ""), events)
    disk = folder_of(tmp_path, "disk", "spill: {folder: ., after: 16KiB}\n")
    for shards in (1, 2):
        summary, disk_rows, said = replay(disk, events, "--shards", shards)
        assert disk_rows == rows
        assert summary["state_hash"] == memory["state_hash"]
        assert (memory["spill"], summary["spill"], said) == ("off", "on", "")
        assert summary["spill_bytes"] > 3 << 20 and summary["spill_disk_bytes"] > 1 << 20
        assert summary["memory_bytes"] < memory["memory_bytes"] / 3
    assert sorted(path.name for path in disk.iterdir()) == ["assay.yaml", "features.yaml",
                                                            "rows.csv"]


def test_a_share_that_is_used_up_is_told_once_and_changes_no_row(tmp_path, events):
    memory, rows, _ = replay(folder_of(tmp_path, "memory", ""), events)
    disk = folder_of(tmp_path, "disk", "spill: {folder: ., bytes_max: 1MiB, after: 16KiB}\n")
    summary, disk_rows, said = replay(disk, events)
    assert disk_rows == rows and summary["state_hash"] == memory["state_hash"]
    assert summary["spill"] == "full"
    assert said.count("spill_full") == 1 and "`bytes_max` is used up" in said
    shown = assay("features", "-c", disk, "--input", events)
    assert "spill: the disk or its share is full: the rest stays in memory" in shown.stdout
    told = assay("replay", "-c", disk, "--input", events)
    assert "the disk or its share is full" in told.stderr


def test_what_is_on_disk_is_shown(tmp_path, events):
    disk = folder_of(tmp_path, "disk", "spill: {folder: ., after: 16KiB}\n")
    store = json.loads(assay("features", "-c", disk, "--input", events, "--json").stdout)
    assert store["spill"]["state"] == "on"
    assert store["spill"]["bytes"] > 3 << 20
    assert store["spill"]["disk"] + store["spill"]["buffers"] >= store["spill"]["bytes"]
    key = json.loads(assay("features", "-c", disk, "--input", events, "--json", "s0").stdout)
    other = json.loads(assay("features", "-c", disk, "--input", events, "--json", "s1").stdout)
    assert key["spilled_bytes"] + other["spilled_bytes"] == store["spill"]["bytes"]
    assert "; on disk " in assay("features", "-c", disk, "s0", "--input", events).stdout


def test_a_run_spills_and_goes_on_where_it_was(tmp_path, events):
    state_hash = replay(folder_of(tmp_path, "memory", ""), events)[0]["state_hash"]
    disk = folder_of(tmp_path, "disk", f"state: state\nspill: {{folder: ., after: 16KiB}}\n"
                                       f"sources: [{{file: {events}}}]\n")
    for recorded in (False, True):
        run = assay("run", "-c", disk, "--until-end", "--json")
        assert run.returncode == 0, run.stderr
        summary = json.loads(run.stdout)
        assert summary["state_hash"] == state_hash
        assert summary["spill"] == "on" and summary["spill_moved"] > 500
        assert (summary["epochs_recorded"] > 0) == recorded


@pytest.mark.parametrize("place, reason", [("nowhere", "No such file"),
                                           ("features.yaml", "Not a directory"),
                                           ("/proc/self", "cannot make a file")])
def test_a_folder_that_cannot_be_used_is_refused_at_load(tmp_path, events, place, reason):
    folder = folder_of(tmp_path, "disk", f"shards: 1\nspill:\n  folder: {place}\n")
    for command in (("config", "check"), ("replay", "--input", events)):
        run = assay(*command, "-c", folder)
        assert run.returncode == 78
        assert "assay.yaml:3:11: error[AS0501]" in run.stderr and reason in run.stderr
        assert "give this user the right to write there" in run.stderr
