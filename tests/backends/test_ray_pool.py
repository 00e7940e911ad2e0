"""A pool of Ray workers, on a cluster of two nodes that is started and half killed here."""

import os
from collections import Counter
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")

from ray.cluster_utils import Cluster  # noqa: E402  # after the skip

from vlm_eval.backends.ray_pool import PoolSettings, RayBackend, RayExecutor  # noqa: E402
from vlm_eval.backends.registry import parse_model  # noqa: E402
from vlm_eval.errors import BackendUnavailable, ExperimentError  # noqa: E402
from vlm_eval.flow import Answer, View  # noqa: E402
from vlm_eval.runs.experiment import parse_experiment  # noqa: E402
from vlm_eval.runs.plan import make_plan  # noqa: E402
from vlm_eval.runs.runner import execute  # noqa: E402

# Ray itself leaves files and processes open that Python warns of.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
QUICK = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 300, "health_check_failure_threshold": 3}


@pytest.fixture(scope="module")
def cluster():
    """A head without room for workers, and two nodes with room for two each."""
    cluster = Cluster(
        initialize_head=True,
        connect=True,
        head_node_args={"num_cpus": 0, "_system_config": QUICK, "include_dashboard": False},
    )
    cluster.nodes_to_use = [cluster.add_node(num_cpus=2) for _ in range(2)]
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def pools(tmp_path):
    opened = []

    def open_pool(model, options=None, **settings):
        spec = parse_model(model, **(options or {}))
        pool = RayBackend(spec, tmp_path / "scratch", PoolSettings(**{"block": 8, **settings}))
        opened.append(pool)
        return pool

    yield open_pool
    for pool in opened:
        pool.close()


def questions(make, count):
    return [make.request(f"question {number}", key=str(number)) for number in range(count)]


def test_every_request_gets_its_own_answer_once(cluster, pools, make, server):
    requests = questions(make, 100)
    pool = pools("openai:mock", {"base_url": server.url})
    outcomes = list(pool.answer(iter(requests)))
    assert len(outcomes) == 100
    assert {key: outcome.text for key, outcome in outcomes} == {r.key: r.prompt.text for r in requests}
    assert set(server._asked.values()) == {1}
    assert (pool.facts["executor"], pool.facts["workers"]) == ("ray", 4)


def test_no_more_is_pulled_ahead_than_two_blocks_a_worker(cluster, pools, make):
    pulled = []

    def source():
        for request in questions(make, 200):
            pulled.append(request.key)
            yield request

    outcomes = pools("scripted:no", workers=2).answer(source())
    next(outcomes)
    assert len(pulled) <= 2 * 2 * 8
    outcomes.close()


def test_a_worker_that_dies_is_replaced_and_its_blocks_are_asked_by_others(cluster, pools, make, server):
    server.plan = lambda call: server_step(call, 0.02)
    requests = questions(make, 120)
    pool = pools("openai:mock", {"base_url": server.url, "concurrency": 4})
    outcomes = {}
    for key, outcome in pool.answer(iter(requests)):
        outcomes[key] = outcome.text
        if len(outcomes) == 24:
            ray.kill(pool._workers[0].actor)
    assert outcomes == {request.key: request.prompt.text for request in requests}
    assert sum(server._asked.values()) - len(requests) <= 2 * 8


def server_step(call, latency):
    import sys

    mock = sys.modules["mock_server"]
    return mock.Step(mock.completion(call.text), latency=latency)


def test_a_block_that_kills_every_worker_is_given_up_and_the_others_are_answered(cluster, pools, make):
    def die(path, recipe):
        os._exit(1)

    picture = View("query", Path("deadly.png"), (), "f" * 64, (1, 1), die)
    deadly, *others = [make.request(picture, "deadly", key="deadly"), *questions(make, 20)]
    outcomes = dict(pools("scripted:no", workers=2, block=4).answer(iter([deadly, *others])))
    assert outcomes.keys() == {request.key for request in [deadly, *others]}
    assert outcomes[deadly.key].kind == "api-error"
    assert "3 workers died" in outcomes[deadly.key].message
    assert sum(isinstance(outcome, Answer) for outcome in outcomes.values()) == 20 - 3  # its block had three more


def test_an_unavailable_model_is_told_after_what_was_on_its_way(cluster, pools, make):
    pool = pools("scripted:no", {"unavailable_at": 5}, workers=1)  # the fifth of a block
    outcomes = []
    with pytest.raises(BackendUnavailable, match="told to be unavailable"):
        for pair in pool.answer(iter(questions(make, 100))):
            outcomes.append(pair)
    assert len(outcomes) == 4 + 4  # of the block at work and of the one that waited behind it


def test_a_model_that_no_worker_can_open_is_an_error_before_anything_is_asked(cluster, pools, tmp_path):
    with pytest.raises(ExperimentError, match="Unknown script"):
        pools("scripted:nothing-of-this-name")


def test_a_pool_that_fits_nowhere_gives_up_and_says_what_there_is(cluster, pools):
    with pytest.raises(BackendUnavailable, match=r"4 CPU, 0 GPU; a worker takes 1 CPU and 3 GPU"):
        pools("scripted:no", workers=1, gpus=3.0, patience=0.5)


def test_the_batch_api_is_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    with RayExecutor() as executor, pytest.raises(ExperimentError, match="needs no workers"):
        executor(parse_model("openai:gpt-4o", batch=True), tmp_path)


def test_a_run_of_two_models_is_the_same_as_without_ray_and_resumes(cluster, parts, tmp_path):
    experiment = {"dataset": str(parts), "models": ["scripted:coin", "scripted:no"], "repeats": 4}
    plan = make_plan(parse_experiment(experiment, "test"))
    execute(plan, tmp_path / "plain")
    with RayExecutor(PoolSettings(block=8)) as executor:
        result = execute(plan, tmp_path / "ray", open_with=executor)
    assert result.open == 0
    assert answers(tmp_path / "ray") == answers(tmp_path / "plain")
    again = execute(plan, tmp_path / "ray", open_with=lambda spec, scratch: pytest.fail("nothing is left to ask"))
    assert again.answered == result.answered


def answers(folder):
    from vlm_eval.runs.store import Store

    with Store(folder) as store:
        return dict(
            store.connection.execute(
                "SELECT key, data FROM request JOIN outcome ON outcome.request = request.id"
            ).fetchall()
        )


def test_half_the_cluster_dies_and_nothing_is_lost(cluster, pools, make, server):
    """Last, as it takes a node away from the cluster."""
    server.plan = lambda call: server_step(call, 0.03)
    requests = questions(make, 160)
    pool = pools("openai:mock", {"base_url": server.url, "concurrency": 4})
    outcomes = Counter()
    texts = {}
    for key, outcome in pool.answer(iter(requests)):
        outcomes[key] += 1
        texts[key] = outcome.text
        if sum(outcomes.values()) == 32:
            cluster.remove_node(cluster.nodes_to_use[1], allow_graceful=False)
    assert texts == {request.key: request.prompt.text for request in requests}
    assert set(outcomes.values()) == {1}
    assert sum(node["Alive"] for node in ray.nodes()) == 2  # the head, and one of the two
    in_flight = 2 * 2 * 8  # workers of that node, blocks, requests
    assert sum(server._asked.values()) - len(requests) <= in_flight
