"""The program under test, as these tests use it: replay inputs, give back rows and summary."""
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("ASSAY_BIN", str(ROOT / "build/dev/bin/assay"))


class Failed(Exception):
    """The program said no: its exit code and what it said."""


class Run:
    """A replay that has been started; results() waits for it."""

    def __init__(self, folder, case, shards=1, spill_after=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "features.yaml").write_text(case.yaml(), encoding="utf-8")
        (self.folder / "assay.yaml").unlink(missing_ok=True)
        if spill_after is not None:  # what is older than so many bytes goes to disk
            (self.folder / "assay.yaml").write_text(
                f"spill: {{folder: ., bytes_max: 1GiB, after: {spill_after}}}\n", encoding="utf-8")
        self.rows = self.folder / "rows.csv"
        self.rows.unlink(missing_ok=True)
        self.command = [BIN, "replay", "-c", str(self.folder), "--shards", str(shards),
                        "--rows", str(self.rows), "--on", case.on, "--json", "--input"]
        for i, lines in enumerate(case.inputs):
            path = self.folder / f"input{i}.jsonl"
            path.write_bytes(b"".join(line + b"\n" for line in lines))
            self.command.append(str(path))
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def results(self):
        """(bytes of the rows, summary)"""
        out, talk = self.process.communicate(timeout=120)
        if self.process.returncode != 0:
            raise Failed(f"{' '.join(self.command)}\nexit code {self.process.returncode}\n"
                         f"{talk.decode(errors='replace')}")
        return self.rows.read_bytes(), json.loads(out)
