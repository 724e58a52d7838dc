"""What the battery should do until the last known price, and what that is worth.

Records first: ``problem`` is what a plan is made from, ``planned`` what comes of it; neither needs numpy, so that everybody may
read them. ``programme`` solves one battery under uncertainty, ``coupled`` what hangs together (several units, a monthly peak, a
car), ``deterministic`` one battery that knows its future. ``forecast`` and ``clearsky`` make the scenarios, ``replay`` proves on
the past that a method earns what it says. Needs the extra ``control`` (numpy, highspy).

Not here: fetching prices and weather, and doing what was planned, which the hub does.
"""
