"""The simulation of many workers gives what can be computed by hand where nothing is random, always the same."""

import dataclasses

import pytest

from scale import Job, with_scheduler, with_shards

CALM = Job(files=4000, cpu=0.01, read=0, write=0, workers=4, task_seconds=1.0, scheduler_seconds=0, spread=0, mtbf=1e12)


def test_without_failures_all_workers_work_all_the_time():
    outcome = with_scheduler(CALM)
    assert outcome.seconds == pytest.approx(10.0)
    assert (outcome.efficiency, outcome.failures) == (pytest.approx(1.0), 0)
    assert 10.0 <= with_shards(CALM).seconds < 11.0


def test_a_scheduler_and_a_disk_are_the_limit_where_they_are_slower_than_the_workers():
    slow = dataclasses.replace(CALM, scheduler_seconds=0.5)
    assert with_scheduler(slow).seconds == pytest.approx(40 * 0.5 + 1.0)
    assert with_shards(slow) == with_shards(CALM)
    disk = dataclasses.replace(CALM, write=1e6, disk_rate=1e8)
    assert with_scheduler(disk).seconds == pytest.approx(4000 * 1e6 / 1e8)
    assert with_shards(disk).seconds == pytest.approx(4000 * 1e6 / 1e8)


def test_failures_cost_the_tasks_in_hand_and_all_is_done():
    rough = dataclasses.replace(CALM, files=40_000, mtbf=50.0, restart=5.0)
    for simulate in (with_scheduler, with_shards):
        outcome = simulate(rough)
        assert outcome == simulate(rough)
        assert outcome.failures > 3
        assert 100.0 < outcome.seconds < 200.0
    assert with_scheduler(rough).seconds < with_shards(rough).seconds
