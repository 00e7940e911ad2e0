"""What a local model saw of its pictures."""

import numpy as np
import pytest

from vlm_eval.flow import Answer

pytestmark = pytest.mark.local

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def seen(backend, *requests):
    return [outcome for _, outcome in sorted(backend.answer(requests)) if isinstance(outcome, Answer)]


@pytest.mark.parametrize("yes_no", [False, True])
def test_the_size_after_the_processor_and_the_tokens_of_pictures_are_noted(
    make, open_tiny, tiny_models, yes_no
) -> None:
    side, patches = tiny_models.SIDE, (tiny_models.SIDE // tiny_models.PATCH) ** 2
    requests = [
        make.request(make.picture(1, (300, 200)), "Is there a defect?", yes_no=yes_no),
        make.request(make.picture(2), make.picture(3, (20, 90)), "Is there a defect?", yes_no=yes_no),
    ]
    one, two = sorted(seen(open_tiny("llava"), *requests), key=lambda answer: answer.image_tokens)
    assert (one.image_sizes, one.image_tokens) == (((side, side),), patches)
    assert (two.image_sizes, two.image_tokens) == (((side, side),) * 2, 2 * patches)
    assert one.prompt_tokens > one.image_tokens


def test_pictures_that_keep_their_shape_are_told_with_it(make, open_tiny, tiny_models) -> None:
    (answer,) = seen(open_tiny("qwen2_vl"), make.request(make.picture(1, (112, 56)), "Is there a defect?"))
    ((width, height),) = answer.image_sizes
    assert width > 1.5 * height
    assert answer.image_tokens * (2 * tiny_models.PATCH) ** 2 == width * height  # 2 x 2 patches are one token


def test_a_prompt_without_pictures_notes_nothing(make, open_tiny) -> None:
    (answer,) = seen(open_tiny("llava"), make.request("Is there a defect?"))
    assert (answer.image_sizes, answer.image_tokens) == (None, None)


def test_a_processor_that_cuts_pictures_up_leaves_their_size_untold(make, open_tiny) -> None:
    (answer,) = seen(open_tiny("smolvlm"), make.request(make.picture(1, (300, 200)), "Is there a defect?"))
    assert answer.image_sizes is None
    assert answer.image_tokens > 0


def test_the_sizes_of_a_batch_go_to_the_items_whose_pictures_they_are() -> None:
    from types import SimpleNamespace

    from vlm_eval.backends.local_seen import sizes_seen

    processor = SimpleNamespace(image_processor=SimpleNamespace(patch_size=14))
    grid = torch.tensor([[1, 4, 6], [1, 2, 2], [1, 8, 4]])
    assert sizes_seen({"image_grid_thw": grid}, [1, 0, 2], processor) == [
        ((84, 56),),
        (),
        ((28, 28), (56, 112)),
    ]
    assert sizes_seen({"pixel_values": np.zeros((1, 5, 3, 8, 8))}, [1, 1], processor) == [None, None]
