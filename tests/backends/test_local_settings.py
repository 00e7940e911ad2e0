"""Settings of local models are refused in the plan, before weights are loaded or a run folder is made."""

import subprocess
import sys

import pytest

from vlm_eval.backends.local_settings import batch_size
from vlm_eval.backends.registry import check, parse_model
from vlm_eval.errors import ExperimentError


@pytest.mark.parametrize("family", ["llava", "blip2", "auto"])
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"batch_size": 0}, "batch_size of x/y is 0; allowed is a whole number from 1 on"),
        ({"batch_size": True}, "batch_size of x/y is True"),
        ({"threads": -1}, "threads of x/y is -1"),
        ({"dtype": "int3"}, "dtype 'int3' of x/y is unknown; allowed: float32, float16, bfloat16, auto"),
    ],
)
def test_a_setting_out_of_range_is_refused_before_anything_is_loaded(family, settings, said):
    with pytest.raises(ExperimentError) as caught:
        check(parse_model(f"{family}:x/y", **settings))
    assert said.replace("x/y", f"{family}:x/y") in str(caught.value)


def test_usual_settings_pass():
    check(parse_model("llava:x/y"))
    check(parse_model("llava:x/y", dtype="bfloat16", batch_size=3, threads=2))
    assert batch_size(parse_model("llava:x/y")) == 8
    assert batch_size(parse_model("llava:x/y", batch_size=3)) == 3


def test_the_check_needs_no_torch():
    code = (
        "import sys; from vlm_eval.backends.registry import check, parse_model; "
        "check(parse_model('llava:x/y')); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
