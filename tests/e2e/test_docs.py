"""What the README shows is what a reader gets."""
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ["ASSAY_BIN"]


def test_the_worked_example_prints_what_it_says(tmp_path):
    text = (ROOT / "README.md").read_text()
    (tmp_path / "features.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, re.S)[1])
    (tmp_path / "events.jsonl").write_text(re.search(r"```json\n(.*?)```", text, re.S)[1])
    command, shown = re.search(r"```sh\nassay (replay .*?)\n```\n\n```\n(.*?)```", text, re.S).groups()
    run = subprocess.run([BIN, *command.split()], cwd=tmp_path, capture_output=True, text=True,
                         check=True)
    assert run.stdout == shown


def blocks(page, language):
    """The blocks of one language in a page of docs/, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.S | re.M)


def assay(*arguments, folder, given=None):
    return subprocess.run([BIN, *arguments], cwd=folder, capture_output=True, text=True, input=given)


@pytest.fixture
def lender(tmp_path):
    """The small lender whose parts are shown in docs/definitions.md and docs/models.md."""
    features, decisions = blocks("definitions.md", "yaml")[:2]
    scorecard = next(text for text in blocks("models.md", "json") if '"scorecard"' in text)
    (tmp_path / "models").mkdir()
    (tmp_path / "tables").mkdir()
    (tmp_path / "features.yaml").write_text(features)
    (tmp_path / "decisions.yaml").write_text(decisions)
    (tmp_path / "models" / "risk.card.json").write_text(scorecard)
    (tmp_path / "tables" / "reasons.csv").write_text(blocks("definitions.md", "csv")[0])
    return tmp_path


def test_the_lender_of_the_pages_decides_as_they_say(lender):
    event, decision = blocks("definitions.md", "json")
    (lender / "events.jsonl").write_text(event)
    run = assay("replay", "-c", ".", "--input", "events.jsonl", "--decisions", "-", folder=lender)
    assert run.returncode == 0, run.stderr
    assert run.stdout == re.sub(r"\n ?", "", decision) + "\n"


def test_the_settings_of_the_page_are_good(lender):
    [settings] = blocks("configuration.md", "yaml")
    (lender / "assay.yaml").write_text(settings)
    run = assay("config", "check", folder=lender)
    assert run.returncode == 0, run.stderr


def test_a_mistake_is_told_as_the_page_shows(lender):
    features = lender / "features.yaml"
    features.write_text(features.read_text().replace("where not ok ", "where not okay "))
    run = assay("config", "check", folder=lender)
    shown = next(text for text in blocks("definitions.md", "") if "error[AS" in text)
    assert run.returncode == 78 and run.stderr == shown


def test_the_worked_definitions_are_good(lender):
    worked = "".join(blocks("definitions.md", "yaml")[2:]).replace("late_share: ", "late_share2:", 1)
    features = (lender / "features.yaml").read_text().split("features:\n")[0]
    more = "".join(f"  {event}:\n    fields: {{user: {{type: key, entity: user}}{fields}}}\n"
                   for event, fields in (("repayment", ", days_late: int, is_late: int"), ("login", "")))
    (lender / "features.yaml").write_text(features + more + "features:\n  user:\n" + worked)
    (lender / "decisions.yaml").unlink()
    run = assay("config", "check", folder=lender)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("good: 4 events, 2 entities, 18 features")


def test_the_models_of_the_page_score(tmp_path):
    for number, text in enumerate(blocks("models.md", "json")):
        (tmp_path / f"{number}.json").write_text(text)
        names = [feature["name"] for feature in json.loads(text)["features"]]
        row = ",".join(names) + "\n" + "," * (len(names) - 1) + "\n0.1" + ",3" * (len(names) - 1) + "\n"
        run = assay("predict", "--model", f"{number}.json", "--input", "-", "--contributions",
                    folder=tmp_path, given=row)
        assert run.returncode == 0, run.stderr
        head, *lines = run.stdout.splitlines()
        assert head == ",".join(["raw_0,pred_0", *(f"contrib_{name}" for name in names), "contrib_base"])
        for raw, _, *parts in (map(float, line.split(",")) for line in lines):
            assert sum(parts) == pytest.approx(raw)


def test_every_heading_that_a_link_names_exists():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    for page in pages:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / target).read_text() if target else page.read_text()
            anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
                       for heading in re.findall(r"^#+ (.*)$", text, re.M)]
            assert anchor in anchors, f"{page.name} links to {target}#{anchor}"


def test_every_link_of_the_documents_leads_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
