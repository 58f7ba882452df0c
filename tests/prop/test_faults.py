"""Every planted fault still finds its one place, so that the script that plants them stays of use."""
import pathlib

import pytest
from faults import FAULTS
from plant_faults import places

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_one_place(fault):
    assert len(places((ROOT / fault.file).read_text(encoding="utf-8"), fault)) == 1


def test_faults_have_names_of_their_own():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
