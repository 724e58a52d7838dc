"""The current plan: made of prices, forecasts and the state of the batteries, made anew when the world turns out otherwise.

::

    service ── plans each quarter of an hour and on surprise, keeps plans, compares yesterday's with what happened
      ├── problem   what the hub knows, as a problem that ``control.plan`` solves
      ├── days      plans of past days, and what became of them
      ├── circumstances  why limits are what they are: sentences beside the solver's
      ├── monthly_peak, targets, calibration, packs, held  what else a problem is made of
      └── planner   the plan that holds, pins, and why there is none (no numpy)
    tuning ── finds each night the gate that suits the site
      ├── gate        which one holds, and why (no numpy)
      ├── site_past   what the store kept, as a past that can be lived again
      └── tournament  a process of its own that does so

Not here: solving (``control.plan``), and doing what was planned (``steer``).
"""
