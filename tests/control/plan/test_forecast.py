"""Scenarios of load and PV from what a site did before."""

from __future__ import annotations

import numpy as np
import pytest

from indevolt.control.plan.forecast import FORGETS_MIN, GOING_ON, UNKNOWN_W, load_memory, load_paths, pv_paths, scenarios

PER_DAY = 96


def days(count: int, *, level: float = 400.0, noise: float = 0.0, seed: int = 1) -> np.ndarray:
    """Days with an evening, with noise that lasts."""
    chance = np.random.default_rng(seed)
    usual = level * (0.6 + np.exp(-(((np.arange(PER_DAY) - 76) / 8) ** 2)))
    found = np.tile(usual, count)
    if noise:
        lasting = np.zeros(len(found))
        for index in range(1, len(found)):
            lasting[index] = 0.8 * lasting[index - 1] + chance.normal(0, noise)
        found = np.maximum(found + lasting, 0)
    return found


def test_a_house_that_is_alike_every_day_is_expected_to_be_alike() -> None:
    history = days(8)
    paths, likely = load_paths(history, 144, PER_DAY, days=7)
    assert paths.shape == (7 + len(GOING_ON), 144)
    assert likely.sum() == pytest.approx(1)
    assert paths[:7] == pytest.approx(np.tile(np.tile(days(1), 2)[:144], (7, 1)))
    assert likely[:7].sum() > 0.9


def test_what_runs_now_is_expected_to_go_on_for_a_while() -> None:
    history = days(12, noise=60.0)
    history[-1] += 1500
    paths, _ = load_paths(history, 48, PER_DAY, days=10)
    usual, _ = load_paths(np.append(history[:-1], history[-1] - 1500), 48, PER_DAY, days=10)
    more = paths[:10].mean(axis=0) - usual[:10].mean(axis=0)
    assert more[0] > 900
    assert (np.diff(more) <= 1).all()
    assert more[40] < 50


def test_a_load_without_memory_is_not_drawn_towards_the_present() -> None:
    chance = np.random.default_rng(3)
    restless = np.abs(chance.normal(400, 150, 20 * PER_DAY))
    assert load_memory(restless, PER_DAY)[0] < 0.15
    lasting = load_memory(days(20, noise=60.0), PER_DAY)
    assert lasting[0] == pytest.approx(0.8, abs=0.1)
    assert (np.diff(lasting) <= 0).all()


def test_a_site_of_few_days_forgets_as_houses_usually_do() -> None:
    assert load_memory(days(2), PER_DAY)[2] == pytest.approx(np.exp(-45 / FORGETS_MIN))


def test_people_who_are_away_are_expected_to_stay_away() -> None:
    history = np.concatenate([days(10, level=500), days(4, level=100)])
    paths, likely = load_paths(history, PER_DAY, PER_DAY, days=14)
    assert likely @ paths.mean(axis=1) < 0.65 * history.mean(), "not the mean of both times"


def test_after_a_day_of_absence_the_next_one_is_likely_to_be_another() -> None:
    history = np.concatenate([days(20, level=500), days(1, level=100)])
    paths, likely = load_paths(history, PER_DAY, PER_DAY, days=11)
    assert likely @ paths.mean(axis=1) < 0.6 * history.mean()


def test_an_evening_unlike_any_before_may_go_on_through_the_night() -> None:
    history = days(20, level=500, noise=20.0)
    usual, as_likely = load_paths(history, PER_DAY, PER_DAY, days=11)
    history[-24:] = 80.0  # all have left
    paths, likely = load_paths(history, PER_DAY, PER_DAY, days=11)
    tomorrow, otherwise = likely @ paths[:, 48:].mean(axis=1), as_likely @ usual[:, 48:].mean(axis=1)
    assert tomorrow < 0.8 * otherwise
    assert likely @ (paths.mean(axis=1) < 120) > 0.15


def test_a_car_that_charges_now_does_not_charge_for_ever() -> None:
    history = days(20, level=500)
    history[-12:] = 11_000.0
    paths, _ = load_paths(history, 144, PER_DAY, days=11)
    most = history.reshape(-1, PER_DAY).mean(axis=1).max()
    assert (paths[-len(GOING_ON) :] <= most).all()
    assert most < 2500


def test_the_same_day_of_the_week_is_likelier_than_another_one() -> None:
    history = days(22, noise=30.0)
    _, likely = load_paths(history, PER_DAY, PER_DAY, days=20)
    assert likely[6] > 1.5 * np.median(likely)


def test_days_before_which_the_house_was_as_now_are_kept_and_others_left_out() -> None:
    history = np.concatenate([days(9, level=900), days(9, level=300)])
    paths, likely = load_paths(history, PER_DAY, PER_DAY, days=5)
    assert paths.shape == (5 + len(GOING_ON), PER_DAY)
    assert likely @ paths.mean(axis=1) == pytest.approx(days(1, level=300).mean(), rel=0.15)


@pytest.mark.parametrize(("history", "expected"), [(np.zeros(0), UNKNOWN_W), (np.full(40, 250.0), 250.0)])
def test_without_a_day_of_history_the_load_is_a_guess(history: np.ndarray, expected: float) -> None:
    paths, likely = load_paths(history, 12, PER_DAY)
    assert paths == pytest.approx(np.full((1, 12), expected))
    assert likely.tolist() == [1.0]


def sun(count: int) -> np.ndarray:
    return np.tile(np.maximum(0.0, 2000 * np.sin((np.arange(PER_DAY) - 28) / 40 * np.pi) * (np.arange(PER_DAY) < 68)), count)


def test_a_forecast_that_promised_too_much_is_believed_less() -> None:
    foreseen = sun(10)
    paths = pv_paths(sun(1), foreseen, 0.6 * foreseen, PER_DAY)
    lit = sun(1) > 100
    assert paths[1][lit] == pytest.approx(0.6 * sun(1)[lit])
    assert (paths[:, ~(sun(1) > 0)] == 0).all()


def test_that_it_always_promises_too_much_is_not_counted_twice_while_it_does_so_now() -> None:
    foreseen, ahead = np.concatenate([sun(10), sun(1)[:44]]), np.concatenate([sun(1)[44:], sun(1)])
    paths = pv_paths(ahead, foreseen, 0.6 * foreseen, PER_DAY)
    lit = ahead > 100
    assert paths[:, lit] == pytest.approx(np.broadcast_to(0.6 * ahead[lit], (3, lit.sum())), rel=0.01)


def test_a_forecast_is_spread_as_wide_as_it_was_wrong() -> None:
    foreseen, chance = sun(14), np.random.default_rng(5)
    mild, wild = (
        pv_paths(sun(1), foreseen, foreseen * np.repeat(np.exp(chance.normal(0, wrong, 14)), PER_DAY), PER_DAY)
        for wrong in (0.05, 0.5)
    )
    noon = 48
    assert mild[0, noon] < mild[1, noon] < mild[2, noon]
    assert wild[2, noon] / wild[0, noon] > 2 > mild[2, noon] / mild[0, noon]


def test_how_wrong_it_is_now_is_believed_for_the_next_hours_and_not_for_tomorrow() -> None:
    foreseen = np.concatenate([sun(6), sun(1)[:48]])
    given = foreseen.copy()
    given[-8:] *= 0.3
    ahead = np.concatenate([sun(1)[48:], sun(1)])
    paths = pv_paths(ahead, foreseen, given, PER_DAY)
    assert paths[1, 0] / ahead[0] < 0.45
    assert paths[1, 96] / ahead[96] > 0.9


def test_every_load_meets_every_sky() -> None:
    found = scenarios(np.ones((2, 3)), np.zeros((3, 3)), np.array([0.25, 0.75]))
    assert len(found) == 6
    assert [each.regime for each in found] == [0, 0, 1, 1, 2, 2]
    assert sum(each.weight for each in found) == pytest.approx(3)
