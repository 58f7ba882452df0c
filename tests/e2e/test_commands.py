"""What a person meets at the command line: help, mistakes, exit codes, streams."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

BIN = os.environ["ASSAY_BIN"]
COMMANDS = ("completion", "config", "demo", "explain", "features", "generate", "help", "man", "predict",
            "replay", "run", "version")

FEATURES = """
lateness: 1h
events:
  payment:
    fields:
      user:   {type: key, entity: user}
      amount: decimal(2)
      note:   category
entities:
  user: {}
features:
  user:
    pay_count: count(payment) over [1h, 1d]
    pay_sum:   sum(payment.amount) over 1d
    note:      last(payment.note)
    big:       pay_sum > 100
"""

EVENTS = [
    '{"type":"payment","time":1000,"id":"a","user":"u1","amount":60.5,"note":"x,\\"y\\""}',
    '{"type":"payment","time":3600999,"id":"b","user":"u1","amount":60}',
    '{"type":"payment","time":3601000,"user":"u1","amount":null,"note":""}',
]
ROWS = [
    "event_id,time,user.pay_count_1h,user.pay_count_1d,user.pay_sum,user.note,user.big",
    'a,1000,1,1,60.5,"x,""y""",0',
    'b,3600999,2,2,120.5,"x,""y""",1',
    ',3601000,2,3,120.5,,1',
]


def assay(*arguments, given=None):
    return subprocess.run([BIN, *map(str, arguments)], capture_output=True, input=given, text=True)


@pytest.fixture
def lender(tmp_path):
    (tmp_path / "features.yaml").write_text(FEATURES)
    (tmp_path / "events.jsonl").write_text("\n".join(EVENTS) + "\n")
    return tmp_path


def test_every_command_explains_itself_with_an_example():
    overview = assay("help")
    assert overview.returncode == 0
    listed = [line.split()[0] for line in
              overview.stdout.split("Commands\n")[1].split("\n\n")[0].splitlines()]
    assert listed == sorted(COMMANDS)
    for command in COMMANDS:
        shown = assay(command, "--help")
        assert shown.returncode == 0 and shown.stdout.startswith(f"assay {command} - ")
        assert f"assay {command}" in shown.stdout.split("Examples")[1]
        assert assay("help", command).stdout == shown.stdout


def test_the_overview_lists_each_command_once_in_order():
    listed = assay("help").stdout.split("Commands\n")[1].split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == sorted(COMMANDS)
    fish = assay("completion", "fish").stdout
    for line in fish.splitlines():  # words as fish reads them: \\' is a quote inside quotes
        assert line.replace("\\'", "").count("'") % 2 == 0, line
    for command in COMMANDS:
        assert sum(f"-a {command} " in line for line in fish.splitlines()) <= 1


def test_the_reference_page_tells_of_every_command_option_and_default():
    page = assay("help", "--markdown").stdout
    assert re.findall(r"^## assay (\w+)$", page, re.M) == sorted(COMMANDS)
    for command in COMMANDS:
        section = page.split(f"## assay {command}\n")[1].split("\n## ")[0]
        for line in assay(command, "--help").stdout.splitlines():
            # Options stand in two columns: how each is typed, what it means.
            match = re.match(r" {2,6}((?:-\w, )?--\S+(?: [A-Z.]+)?) {2,}(.*)", line)
            if match:
                assert "| `{}` | {} |".format(*match.groups()) in section
    assert "| `--users N` | people (1 to 10000000; default 5000) |" in page
    assert assay("help", "--markdown", "run").returncode == 64


def test_version_says_what_runs():
    told = json.loads(assay("version", "--json").stdout)
    assert told["name"] == "assay" and told["version"] in assay("--version").stdout


def test_completion_and_manual_name_every_command_and_option():
    manual = assay("man").stdout.replace("\\-", "-")
    for shell in ("bash", "zsh", "fish"):
        script = assay("completion", shell).stdout
        for command in COMMANDS:
            assert command in script and f"assay {command}" in manual
        assert "dead-letters" in script and "--dead-letters" in manual
    assert subprocess.run(["bash", "-n"], input=assay("completion", "bash").stdout,
                          text=True).returncode == 0


@pytest.mark.parametrize("arguments, code, told", [
    ([], 64, "Usage"),
    (["replya"], 64, 'did you mean "replay"?'),
    (["replay", "--inptu", "x"], 64, "did you mean --input?"),
    (["replay", "extra"], 64, "takes no such word"),
    (["replay", "--shards", "0"], 64, "allowed: 1 to 64"),
    (["replay", "-c", "/nonexistent", "--input", "x"], 78, "AS0102"),
    (["completion", "tcsh"], 64, "bash, zsh, fish"),
    (["help", "nothing"], 64, "no such command"),
])
def test_wrong_usage_says_what_and_how_to_mend_it(arguments, code, told):
    run = assay(*arguments)
    assert run.returncode == code
    assert told in run.stderr and run.stdout == ""


def test_rows_of_a_folder_with_features_only(lender):
    run = assay("replay", "-c", lender, "--input", lender / "events.jsonl", "--rows",
                lender / "rows.csv", "--on", "payment")
    assert run.returncode == 0, run.stderr
    assert (lender / "rows.csv").read_text().splitlines() == ROWS


def test_standard_streams_and_zstd_carry_the_same_bytes(lender):
    source = lender / "events.jsonl"
    piped = assay("replay", "-c", lender, "--input", "-", "--rows", "-", "--on", "payment",
                  given=source.read_text())
    assert piped.stdout.splitlines() == ROWS
    subprocess.run(["zstd", "-q", source, "-o", lender / "events.zst"], check=True)
    packed = assay("replay", "-c", lender, "--input", lender / "events.zst", "--rows", "-", "--on",
                   "payment")
    assert packed.stdout == piped.stdout


def test_a_byte_order_mark_is_no_part_of_the_first_message(lender):
    marked = lender / "marked.jsonl"
    for text, count in (("\n".join(EVENTS), len(EVENTS)), ("", 0), ("{", 0)):
        marked.write_bytes(b"\xef\xbb\xbf" + text.encode())
        done = assay("replay", "-c", lender, "--input", marked, "--json")
        assert done.returncode == 0 and json.loads(done.stdout)["events"] == count
    assert json.loads(done.stdout)["dead_letters"] == {"syntax": 1}


def test_dead_letters_are_named_and_fail_only_a_strict_replay(lender):
    source = lender / "events.jsonl"
    source.write_text("\n".join([*EVENTS, "{", '{"type":"payment","time":4000000}', ""]) + "\n")
    arguments = ["replay", "-c", lender, "--input", source, "--json", "--dead-letters",
                 lender / "dead.jsonl"]
    run = assay(*arguments)
    assert run.returncode == 0
    summary = json.loads(run.stdout)
    assert summary["dead_letters"] == {"empty": 1, "syntax": 1, "missing_key": 1}
    dead = [json.loads(line) for line in (lender / "dead.jsonl").read_text().splitlines()]
    assert [(letter["reason"], letter["offset"], letter["field"]) for letter in dead] == [
        ("syntax", 3, None), ("missing_key", 4, "user"), ("empty", 5, None)]
    assert len(summary["state_hash"]) == 32
    strict = assay(*arguments, "--strict")
    assert strict.returncode == 65 and "events.jsonl" in strict.stderr
    assert json.loads(strict.stdout)["state_hash"] == summary["state_hash"]


def test_no_single_message_stops_a_replay(lender):
    """Text as long as a message may be, in a key, an id and a value that many rows then show."""
    (lender / "decisions.yaml").write_text(
        "policies: {p: {trigger: payment, rules: [{when: user.big, then: look}], else: fine}}\n")
    long = 'x' * (1 << 20)
    for member in ("user", "id", "note"):
        event = {"type": "payment", "time": 1, "user": "u", "amount": 1}
        event[member] = long[:(1 << 20) - len(json.dumps(event | {member: ""}))]
        text = json.dumps(event) + "\n"
        assert len(text) == (1 << 20) + 1
        (lender / "long.jsonl").write_text(text + json.dumps(event | {member: "short"}) + "\n")
        done = assay("replay", "-c", lender, "--input", lender / "long.jsonl", "--json",
                     "--decisions", lender / "out.jsonl")
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert summary["dead_letters"] == {"long_text": 1} and summary["decisions"] == 1
    # The longest value there can be, shown by all rows of an epoch in seven columns.
    (lender / "features.yaml").write_text(
        FEATURES + "".join(f"    n{i}: first(payment.note) where note != '{i}'\n"
                           for i in range(7)))
    events = [{"type": "payment", "time": 1, "user": "u", "note": long[:1 << 16]}]
    events += [{"type": "payment", "time": 2, "user": "u"}] * 1100
    (lender / "long.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    done = assay("replay", "-c", lender, "--input", lender / "long.jsonl", "--json",
                 "--rows", "/dev/null", "--on", "payment")
    assert done.returncode == 0 and json.loads(done.stdout)["rows"] == 1101


def test_what_cannot_be_opened_or_written_is_named(lender):
    missing = assay("replay", "-c", lender, "--input", lender / "none.jsonl")
    assert missing.returncode == 66 and "none.jsonl" in missing.stderr
    source = lender / "events.jsonl"
    full = assay("replay", "-c", lender, "--input", source, "--rows", "/dev/full", "--on",
                 "payment")
    assert full.returncode == 74 and "/dev/full" in full.stderr
    unknown = assay("replay", "-c", lender, "--input", source, "--rows", "-", "--on", "paymnt")
    assert unknown.returncode in (64, 65) and "paymnt" in unknown.stderr


def test_definition_errors_stop_every_command_before_it_starts(lender):
    (lender / "features.yaml").write_text(FEATURES.replace("payment.amount", "payment.amout"))
    for command in (["replay", "--input", lender / "events.jsonl"], ["run"], ["config", "check"]):
        run = assay(*command, "-c", lender)
        assert run.returncode == 78
        assert 'error[AS0211]: unknown field "amout" of event "payment" (did you mean "amount"?)' \
            in run.stderr
        assert "pay_sum:   sum(payment.amout) over 1d" in run.stderr


def test_a_full_disk_under_standard_output_is_told_of_in_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN, "generate", "--users", "100", "--days", "7"], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 74
    assert done.stderr == "assay: standard output: cannot be written: No space left on device\n"


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        run = assay("generate", "--users", 50, "--days", 5, "--seed", 7, "-o", tmp_path / name)
        assert run.returncode == 0
    assert pathlib.Path(tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_no_output_overwrites_an_input_or_another_output(lender):
    source = lender / "events.jsonl"
    (lender / "link.jsonl").symlink_to(source)
    replay = ["replay", "-c", lender, "--input", source, "--on", "payment"]
    (lender / "new").write_text("kept\n")
    for outputs, told in (
            (["--rows", source], "would overwrite an input"),
            (["--rows", "/dev/null", "--dead-letters", lender / "link.jsonl"],
             "would overwrite an input"),
            (["--rows", "-", "--dead-letters", "-"], "another output goes there too"),
            (["--rows", lender / "new", "--dead-letters", f"{lender}/./new"],
             "another output goes there too"),
            (["--rows", lender / "new", "--decisions", "x"], "no policies are defined"),
            (["--rows", "-", "--json"], "standard output is taken already")):
        run = assay(*replay, *outputs)
        assert run.returncode == 64 and told in run.stderr, outputs
    run = assay("generate", "--users", 1, "--days", 1, "-o", lender / "new", "--labels",
                lender / "new")
    assert run.returncode == 64 and "another output goes there too" in run.stderr
    assert (lender / "new").read_text() == "kept\n"
    assert assay(*replay).returncode == 64  # --on, and no place for rows
    assert source.read_text().splitlines() == EVENTS
    twice = assay("replay", "-c", lender, "--input", source, lender / "link.jsonl")
    assert twice.returncode == 64 and "the same file is given twice" in twice.stderr
    assert assay(*replay, "--rows", "/dev/null", "--dead-letters", "/dev/null").returncode == 0


def test_a_source_is_no_sink(lender):
    (lender / "assay.yaml").write_text(
        "sources: [{file: events.jsonl}]\ndead_letters: {file: ./events.jsonl}\n")
    run = assay("run", "-c", lender, "--until-end")
    assert run.returncode == 78 and "is a source and a sink at once" in run.stderr
    assert (lender / "events.jsonl").read_text().splitlines() == EVENTS


def test_a_closed_pipe_ends_a_filter_without_a_word():
    read, write = os.pipe()
    with subprocess.Popen([BIN, "generate", "--users", "5000", "--days", "7"], stdout=write,
                          stderr=subprocess.PIPE) as run:
        os.close(write)
        assert os.read(read, 100).startswith(b'{"type":')
        os.close(read)
        assert run.stderr.read() == b"" and run.wait() == -signal.SIGPIPE


def test_a_line_cut_at_a_carriage_return_is_still_too_long(lender):
    """The reader hands out the first 2^20 + 1 bytes of a longer line; the last may be a return."""
    line = EVENTS[0].ljust(2 ** 20) + "\rmore\n"
    run = assay("replay", "-c", lender, "--input", "-", "--json", given=line + EVENTS[1] + "\n")
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert summary["dead_letters"] == {"too_long": 1} and summary["events"] == 1


def test_every_message_is_counted_once_also_where_keys_find_no_room(lender):
    text = FEATURES.replace("user: {}", "user: {capacity: 2}")
    (lender / "features.yaml").write_text(text)
    (lender / "events.jsonl").write_text("".join(
        f'{{"type":"payment","time":{i},"user":"u{i % 5}"}}\n' for i in range(1, 51)))
    run = assay("replay", "-c", lender, "--input", lender / "events.jsonl", "--json", "--rows",
                lender / "rows.csv", "--on", "payment")
    summary = json.loads(run.stdout)
    assert summary["dead_letters"] == {"capacity": 30} and summary["keys"] == 2
    assert summary["events"] == summary["rows"] == 20 and summary["messages"] == 50


def test_at_capacity_a_new_key_takes_an_idle_ones_place(lender):
    text = FEATURES.replace("user: {}", "user: {capacity: 2, at_capacity: evict}")
    (lender / "features.yaml").write_text(text)
    (lender / "events.jsonl").write_text("".join(
        f'{{"type":"payment","time":{i},"user":"{user}"}}\n'
        for i, user in enumerate(["u1", "u2", "u1", "u3", "u1", "u2"], 1)))
    run = assay("replay", "-c", lender, "--input", lender / "events.jsonl", "--json", "--rows",
                lender / "rows.csv", "--on", "payment")
    summary = json.loads(run.stdout)
    assert summary["dead_letters"] == {} and summary["keys"] == 2 and summary["events"] == 6
    assert summary["keys_evicted"] == 2  # u2, idle when u3 came, and u3, idle when u2 came again
    assert summary["memory_bytes"] == sum(summary[part + "_bytes"]
                                          for part in ("index", "record", "log"))
    run = assay("replay", "-c", lender, "--input", lender / "events.jsonl")
    assert "2 keys, 2 evicted\n" in run.stderr


def test_expired_keys_give_their_places_back_and_a_record_repeats_it(lender):
    """5000 users, each met once; at most some 1000 + 1024 (one epoch) are remembered at a time."""
    (lender / "features.yaml").write_text(
        FEATURES.replace("lateness: 1h", "lateness: 0").replace(
            "user: {}", "user: {capacity: 2100, expire: 1s}"))
    (lender / "events.jsonl").write_text("".join(
        f'{{"type":"payment","time":{i},"user":"u{i}"}}\n' for i in range(5000)))
    (lender / "assay.yaml").write_text(
        f"state: state\nshards: 1\nsources: [{{file: {lender}/events.jsonl}}]\n")
    summaries = [json.loads(assay(*command, "-c", lender, "--json").stdout) for command in (
        ("replay", "--shards", 1, "--input", lender / "events.jsonl"),
        ("run", "--until-end"),
        ("replay", "--recorded", lender / "state"))]
    for summary in summaries:
        assert summary["dead_letters"] == {} and summary["events"] == 5000
        assert summary["keys"] == 1001 and summary["keys_expired"] == 3999
        assert summary["expired_bytes"] > 3999 * 64
        assert summary["state_hash"] == summaries[0]["state_hash"]
    run = assay("replay", "-c", lender, "--input", lender / "events.jsonl")
    assert "1001 keys, 3999 expired\n" in run.stderr
    run = assay("features", "u7", "-c", lender, "--input", lender / "events.jsonl")
    assert run.returncode == 65 and "there are 1001 keys, 3999 more expired" in run.stderr
    run = assay("features", "-c", lender, "--input", lender / "events.jsonl")
    assert re.search(r"\n  expired +3,999  keys forgotten", run.stdout)
