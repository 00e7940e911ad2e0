from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from vlm_eval.data.selection import choose_references, select
from vlm_eval.errors import CardError, ExperimentError
from vlm_eval.flow import Gold, Sample


def item(number: int, object_class: str = "nut", anomalous: str = "no", **more) -> Sample:
    name = f"{object_class}/{more.get('split', 'test')}/{anomalous}/{number:03d}.png"
    return Sample(
        **{
            "id": f"mine/{name}",
            "card": "mine",
            "modality": "image",
            "sources": (Path(name),),
            "object_class": object_class,
            "gold": Gold(anomalous),
            "group": name,
        }
        | more
    )


def items(object_class: str, normal: int, anomalous: int) -> list[Sample]:
    return [item(n, object_class) for n in range(normal)] + [
        item(n, object_class, "yes") for n in range(anomalous)
    ]


SAMPLES = [*items("nut", 200, 30), *items("bolt", 100, 100)]


def test_a_smaller_limit_is_the_beginning_of_a_larger_one() -> None:
    assert select(SAMPLES, 50, 0) == select(SAMPLES, 100, 0)[:50]


def test_classes_and_gold_take_equal_parts_while_there_are_items() -> None:
    counts = Counter((sample.object_class, sample.gold.anomalous) for sample in select(SAMPLES, 80, 0))
    assert set(counts.values()) == {20}
    more = Counter((sample.object_class, sample.gold.anomalous) for sample in select(SAMPLES, 180, 0))
    assert more == {("nut", "no"): 50, ("nut", "yes"): 30, ("bolt", "no"): 50, ("bolt", "yes"): 50}


def test_no_limit_takes_every_item_once() -> None:
    chosen = select(SAMPLES, None, 0)
    assert len(chosen) == 430
    assert set(chosen_ids := [sample.id for sample in chosen]) == {sample.id for sample in SAMPLES}
    assert len(set(chosen_ids)) == 430


def test_the_seed_decides_and_the_order_of_the_files_does_not() -> None:
    assert select(SAMPLES, 50, 1) == select(list(reversed(SAMPLES)), 50, 1)
    assert set(map(id, select(SAMPLES, 50, 1))) != set(map(id, select(SAMPLES, 50, 2)))


def test_items_that_are_added_later_do_not_reshuffle_the_others() -> None:
    before = [sample.id for sample in select(SAMPLES, None, 0) if sample.object_class == "nut"]
    grown = select([*SAMPLES, *(item(n) for n in range(200, 260))], None, 0)
    kept = [sample.id for sample in grown if sample.id in set(before)]
    normal = [identity for identity in before if "/no/" in identity]
    assert [identity for identity in kept if "/no/" in identity] == normal


def test_training_items_are_never_evaluated() -> None:
    training = [item(n, split="train") for n in range(5)]
    assert select([*training, item(0)], None, 0) == (item(0),)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ExperimentError, match=f"limit is {limit}"):
        select(SAMPLES, limit, 0)


def test_references_come_from_the_training_split_and_withdraw_nothing() -> None:
    training = [item(n, split="train") for n in range(9)]
    chosen = choose_references([*training, *SAMPLES[:230]], 2, 0)
    assert len(chosen.by_class["nut"]) == 2
    assert set(chosen.by_class["nut"]) <= {sample.sources[0] for sample in training}
    assert chosen.withdrawn == frozenset()


def test_without_a_training_split_normal_test_items_are_withdrawn() -> None:
    chosen = choose_references(SAMPLES, 3, 0)
    assert set(chosen.by_class) == {"nut", "bolt"}
    by_id = {sample.id: sample for sample in SAMPLES}
    assert len(chosen.withdrawn) == 6
    assert {by_id[identity].gold.anomalous for identity in chosen.withdrawn} == {"no"}
    shown = {path for paths in chosen.by_class.values() for path in paths}
    assert {by_id[identity].sources[0] for identity in chosen.withdrawn} == shown


def test_every_item_over_a_withdrawn_picture_is_withdrawn() -> None:
    twice = [item(0), item(1, id="mine/again", sources=item(0).sources, gold=Gold("unknown"))]
    assert choose_references(twice, 1, 0).withdrawn == {item(0).id, "mine/again"}


def test_references_of_another_class_are_never_shown() -> None:
    chosen = choose_references(SAMPLES, 5, 0)
    for name, paths in chosen.by_class.items():
        assert all(path.parts[0] == name for path in paths)


def test_fewer_shots_are_the_beginning_of_more_and_the_seed_is_a_factor() -> None:
    assert choose_references(SAMPLES, 1, 0).by_class["nut"] == choose_references(SAMPLES, 4, 0).by_class["nut"][:1]
    assert choose_references(SAMPLES, 4, 0).by_class != choose_references(SAMPLES, 4, 1).by_class


def test_items_with_references_of_their_own_take_none_from_the_pool() -> None:
    own = [item(n, anomalous="yes", references=(Path(f"t{n}.png"),)) for n in range(3)]
    chosen = choose_references(own, 1, 0)
    assert (chosen.by_class, chosen.withdrawn) == ({}, frozenset())
    with pytest.raises(CardError, match="brings 1 where 2 are asked for"):
        choose_references(own, 2, 0)


def test_a_class_with_too_few_normal_items_is_refused_by_name() -> None:
    with pytest.raises(
        CardError, match="mine: class 'bolt' has 0 normal items in its test split, but 1 reference is asked for"
    ):
        choose_references([*items("nut", 5, 5), *items("bolt", 0, 5)], 1, 0)


def test_a_class_with_one_item_too_few_says_how_many_there_are_and_where() -> None:
    training = [replace(one, split="train") for one in items("nut", 2, 0)]
    tested = [replace(one, id=f"{one.id}-t") for one in items("nut", 9, 9)]
    with pytest.raises(
        CardError,
        match=r"2 normal items in its training split, but 3 references are .*or support\)\. Ask for 2",
    ):
        choose_references([*training, *tested], 3, 0)
    with pytest.raises(CardError, match=r"There is no training split, so normal test items would serve"):
        choose_references(items("nut", 1, 5), 2, 0)


def test_no_shots_need_no_normal_items() -> None:
    assert choose_references(items("bolt", 0, 5), 0, 0).by_class == {}


def test_an_item_with_the_same_bytes_as_a_reference_is_withdrawn_too(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("a.png", "copy.png", "b.png", "longer.png")}
    for file, data in zip(files.values(), (b"same", b"same", b"diff", b"longer"), strict=True):
        file.write_bytes(data)
    copies = [item(n, id=f"mine/{name}", sources=(file,)) for n, (name, file) in enumerate(files.items())]
    chosen = {seed: choose_references(copies, 1, seed) for seed in range(20)}
    withdrawn = {one.by_class["nut"][0].name: one.withdrawn for one in chosen.values()}
    assert withdrawn["a.png"] == withdrawn["copy.png"] == {"mine/a.png", "mine/copy.png"}
    assert withdrawn["b.png"] == {"mine/b.png"}


def test_an_item_with_the_bytes_of_a_training_reference_is_withdrawn_in_its_class_only(tmp_path: Path) -> None:
    for name in ("train.png", "test.png", "bolt.png"):
        (tmp_path / name).write_bytes(b"same")
    training = item(0, split="train", sources=(tmp_path / "train.png",))
    leaked = item(1, sources=(tmp_path / "test.png",))
    other = item(2, "bolt", sources=(tmp_path / "bolt.png",))
    bolt = item(3, "bolt", split="train", sources=(tmp_path / "gone.png",))
    assert choose_references([training, leaked, other, bolt], 1, 0).withdrawn == {leaked.id}


@pytest.mark.parametrize("split", ["test", "train"])
def test_no_item_is_evaluated_beside_a_reference_of_its_own_cluster(split: str) -> None:
    """Another picture of the same patient is nearly the same picture."""
    scans = [item(n, group=f"patient {n // 3}") for n in range(30)]
    samples = [*scans, *(item(n, "nut", "yes", group=f"patient {n}") for n in range(10))]
    if split == "train":
        samples += [item(n, split="train", group=f"patient {n}") for n in range(10)]
    found = choose_references(samples, 2, 0)
    groups = {one.group for one in samples if one.sources[0] in found.by_class["nut"]}
    left = [one for one in samples if one.split == "test" and one.id not in found.withdrawn]
    assert len(groups) == 2 and len(left) == 40 - 2 * 4
    assert not groups & {one.group for one in left}
