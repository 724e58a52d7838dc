"""What energy costs: by a fixed rule, or as a market or supplier tells from day to day.

::

    service ── fetches when it is time, keeps, and tells who wants to know
      ├── sources  which of them a configuration asks for, and how it is asked
      │     └── awattar, energy_charts, entsoe, tibber, octopus, pricefile, madeup   what was told (pure)
      ├── book     what is known, and what is guessed beyond (pure)
      └── bill     from a market's price to what a bill says; bands of the week (pure)

Not here: what energy cost in the end (``site``), and what to make of prices (``control.plan``).
"""
