"""What the README shows is what a reader gets."""
import csv
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


def test_every_link_of_the_documents_leads_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def blocks(page, language):
    text = (ROOT / "docs" / page).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def run(*words, cwd):
    done = subprocess.run([BIN, *map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# What the examples of definitions.md take as given.
MORE_EVENTS = """
  application:
    fields:
      applicant: {type: key, entity: user}
      device:    {type: key, entity: device, optional: true}
  repayment:
    fields:
      user:      {type: key, entity: user}
      days_late: int
      is_late:   int
  login:
    fields:
      user: {type: key, entity: user}
"""
REASONS = "feature,family,code,en,zh\nuser.pay_fail_rate_1d,fails,R01,one,一\n,,R07,seven,七\n"


def check(folder, features, decisions=None, settings=None):
    """`assay config check` of a folder with these files."""
    folder.mkdir()
    for name, text in (("features", features), ("decisions", decisions), ("assay", settings)):
        if text is not None:
            (folder / f"{name}.yaml").write_text(text)
    if decisions is not None:
        (folder / "models").mkdir()
        (folder / "models/credit.txt").write_text(blocks("models.md", "json")[1])
        (folder / "tables").mkdir()
        (folder / "tables/reasons.csv").write_text(REASONS)
    run("config", "check", "-c", folder, cwd=folder)


def test_the_examples_of_definitions_and_configuration_are_accepted(tmp_path):
    features, decisions, *worked = blocks("definitions.md", "yaml")
    features = features.replace("events:\n", "events:" + MORE_EVENTS)
    head = features.split("features:\n")[0]
    [settings] = blocks("configuration.md", "yaml")
    check(tmp_path / "all", features, decisions.replace("lightgbm", "scorecard"), settings)
    assert len(worked) == 5
    for number, example in enumerate(worked):
        check(tmp_path / str(number), head + "features:\n  user:\n" + example)


@pytest.mark.parametrize("place, kind", [(0, "logistic"), (1, "scorecard")])
def test_the_models_of_the_documents_score_and_add_up(tmp_path, place, kind):
    model = blocks("models.md", "json")[place]
    names = [feature["name"] for feature in json.loads(model)["features"]]
    (tmp_path / "m.json").write_text(model)
    (tmp_path / "rows.csv").write_text("\n".join([",".join(names), ",".join("1" for _ in names),
                                                  "," * (len(names) - 1) + ("" if names[1:] else '""')])
                                       + "\n")
    printed = run("predict", "--model", "m.json", "--input", "rows.csv", "--contributions",
                  cwd=tmp_path)
    rows = list(csv.DictReader(printed.splitlines()))
    assert len(rows) == 2
    for row in rows:
        numbers = {name: float(value) for name, value in row.items()}
        parts = sum(value for name, value in numbers.items() if name not in ("raw_0", "pred_0"))
        assert parts == pytest.approx(numbers["raw_0"]) and 0 < numbers["pred_0"] < 1
    assert json.loads(model)["kind"] == kind
