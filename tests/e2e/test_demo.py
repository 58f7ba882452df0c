"""The newcomer's command: scripts/demo builds what ships and ends as asked, and again at once."""
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def demo():
    run = subprocess.run([ROOT / "scripts/demo", "--exit-after", "10000", "--rate", "0", "--json"],
                         capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_the_demo_ends_after_the_decisions_asked_for_and_can_be_repeated():
    for _ in range(2):
        summary = demo()
        assert summary["decisions"] >= 10000
        assert {outcome["policy"] for outcome in summary["outcomes"]} == {
            "credit", "repayment_intent", "churn"}
        assert summary["dead_letters"] and summary["duplicates"]
        assert len(summary["state_hash"]) == 32


def test_the_demos_decisions_can_be_explained():
    demo()
    program = ROOT / "build/release/bin/assay"
    listed = subprocess.run([program, "explain", "--last", "3", "--state", ROOT / "build/demo-state"],
                            capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(listed) == 3
    name = listed[0].split()[0]
    told = subprocess.run([program, "explain", name, "--state", ROOT / "build/demo-state"],
                          capture_output=True, text=True, check=True).stdout
    assert name in told and "outcome" in told
