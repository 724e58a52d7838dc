"""Meters: whoever tells what flows into the house, asked or heard, each in its own language, and all judged alike.

::

    service ── follows each meter: asks or listens, judges, publishes
      ├── sources  which of them a configuration asks for
      │     └── http, mqtt, push, opendata, battery, replay   how telling gets here
      │           └── shelly, homewizard, document, accessory  what was told (pure)
      └── meter    judges what was told, and knows how old and how good the last of it is (pure)

Not here: what the house as a whole does (``site``), and what follows from it (``control``).
"""
