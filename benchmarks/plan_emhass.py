"""EMHASS as a contestant of ``plan.py``: its optimiser called directly, in an environment of its own.

Each line of JSON is one question: forecasts, prices and the state of charge; the answer is the battery's power, positive out of it.
All settings are EMHASS's defaults (``config_defaults.json``) but for what describes the site: battery, wear, time step, no
deferrable loads. Run by ``plan.py`` only.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import emhass
import pandas as pd
from emhass.optimization import Optimization
from side_by_side import Json, answer_questions

PV, LOAD = "sensor.power_photovoltaics", "sensor.power_load_no_var_loads"
LOAD_COST, PROD_PRICE = "load_cost", "prod_price"


def optimiser(question: Json) -> Optimization:
    settings = json.loads((Path(emhass.__file__).parent / "data" / "config_defaults.json").read_text("utf-8"))
    battery = question["battery"]
    settings |= {
        "optimization_time_step": timedelta(minutes=question["minutes"]),
        "time_zone": question["time_zone"],
        "delta_forecast_daily": timedelta(minutes=question["minutes"] * len(question["load_w"])),
        "num_threads": 1,
        "set_use_pv": True,
        "set_use_battery": True,
        "number_of_deferrable_loads": 0,
        "def_load_config": [],
        "battery_nominal_energy_capacity": battery["capacity_wh"],
        "battery_charge_power_max": battery["charge_w"],
        "battery_discharge_power_max": battery["discharge_w"],
        "battery_minimum_state_of_charge": battery["floor"],
        "battery_maximum_state_of_charge": 1.0,
        "weight_battery_discharge": battery["wear_per_kwh"],
    }
    for name in [name for name in settings if "deferrable" in name and isinstance(settings[name], list)]:
        settings[name] = []
    log = logging.getLogger("emhass")
    log.setLevel(logging.ERROR)
    return Optimization(settings, settings, settings, LOAD_COST, PROD_PRICE, "profit", {}, log)


class Contestant:
    """Keeps the optimiser between questions, as EMHASS does, so that a model of the same shape is not built anew."""

    def __init__(self) -> None:
        self._optimiser: Optimization | None = None

    def plan(self, question: Json) -> Json:
        """Answer one question."""
        started = time.process_time()
        if self._optimiser is None:
            self._optimiser = optimiser(question)
        index = pd.date_range(question["start"], periods=len(question["load_w"]), freq=f"{question['minutes']}min")
        columns = {PV: "pv_w", LOAD: "load_w", LOAD_COST: "import_per_kwh", PROD_PRICE: "export_per_kwh"}
        table = pd.DataFrame({name: question[series] for name, series in columns.items()}, index=index)
        found = self._optimiser.perform_optimization(
            table,
            *(table[name].to_numpy() for name in columns),
            soc_init=question["soc"],
            soc_final=question["soc_final"],
        )
        return {
            "battery_w": found["P_batt"].tolist(),
            "status": str(self._optimiser.optim_status),
            "cpu_s": time.process_time() - started,
        }


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    answers, sys.stdout = sys.stdout, os.fdopen(os.dup(1), "w")
    os.dup2(2, answers.fileno())  # HiGHS writes its banner to descriptor 1, where the answers go
    answer_questions(Contestant().plan)
