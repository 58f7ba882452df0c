"""What the README shows is what a reader gets."""
import os
import pathlib
import re
import subprocess

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
