"""What is promised bit for bit holds on every processor: libraries choose their kernels by instruction set.

The suite itself runs with those of this machine. Here the same tests run with the kernels of older processors.
"""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PROMISES = (
    "tests/student/enhance/test_tiles.py::test_the_rows_that_are_asked_for_change_no_bit",
    "tests/training/frozen_cache/test_cacheable.py"
    "::test_the_objective_and_its_gradient_are_the_same_to_the_bit_with_what_is_kept",
    "tests/objective/test_gradients.py::test_measuring_changes_no_bit_of_the_step",
    "tests/objective/test_graph.py::test_what_is_frozen_is_computed_image_by_image",
    "tests/training/test_step_log.py::test_measuring_gradients_changes_no_bit_of_the_training",
    "tests/run/test_session.py::test_the_same_seed_gives_the_same_bytes",
    "tests/exporters/test_c.py::test_parts_are_the_whole_bit_for_bit",
    "tests/models/test_auto_exposure.py::test_a_bright_picture_is_left_as_it_is_to_the_bit",
    "tests/sweep/test_shared_stages.py::test_a_point_from_the_shared_stages_is_the_whole_run_to_the_bit",
)
PROCESSORS = {
    "oldest": {"MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {"MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", PROCESSORS)
def test_promises_hold_with_the_kernels_of_another_processor(name):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *PROMISES]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | PROCESSORS[name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
