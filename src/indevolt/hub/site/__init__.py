"""The house as a whole: totals of all units and the best meter, energies that only grow, where energy went, and what it cost.

::

    service (listens, counts, publishes)  ->  totals, flows, counts (pure)  ->  quantities (names, units, meanings)

What a single unit says is its keeper's business; where history is kept, the store's. How prices come about is not known here.
"""
