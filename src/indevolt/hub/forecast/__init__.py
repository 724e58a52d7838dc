"""What the sun will give: asked of a weather service, or computed for a clear sky, and put right by what the plant gave before.

::

    service ── asks now and then, keeps what was foreseen, compares it with what came
      ├── open_meteo, forecast_solar   how they are asked, and what they tell (pure)
      ├── clearsky                     what a clear sky gives, by geometry (pure)
      └── book                         what is foreseen, and how wrong it was here lately (pure)

Not here: what the house will take, which is guessed from its past where the plan is made (``control.plan.forecast``).
"""
