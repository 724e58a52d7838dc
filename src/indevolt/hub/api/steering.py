"""Steering: who decides what a battery does, orders of people with an end, and a pause for everything that decides by itself.

``GET /api/v1/devices/{device}/steering`` tells how a unit is steered now::

    {"device": "cellar", "control": true,
     "owner": "user",              // device, user, fleet, plan, self_use, safety, foreign: who decides now
     "mode": "realtime",           // what the device shows; null: unknown
     "tier": "realtime",           // native: its own loop and meter; posed: the hub poses as its meter; realtime: written orders;
                                   // null: none of these (its own schedule, say, or unknown)
     "command": {"command": "charge", "power_w": 800, "soc_pct": 80},   // as asked for; null: nothing is commanded
     "sent": {"command": "charge", "power_w": 800, "soc_pct": 61},      // as the device has it: within limits, with the fence
     "since": "...", "until": "...",                                   // until null: until something changes
     "why": "charge with 800 W up to 80 %, as laptop asked, until 14:30",
     "reasons": [{"by": "user", "text": "...", "weight": "chosen", "otherwise": "..."}],
     "override": {"id": "7c9e...", "command": {...}, "at": "...", "until": "...", "by": "api laptop", "reason": "",
                  "step": "effective", "outcome": {...} or null} or null,
     "lease": {"ours": true, "actor": "hub", "pid": 1, "host": "pi", "since": "...", "until": "..."} or null,
     "budgets": [{"name": "realtime", "used": 3, "most": 400, "left": 397, "window_s": 3600, "free_in_s": 0}, ...],
     "paused_until": null, "foreign": {"what": "mode is schedule", "since": "...", "until": "..."} or null,
     "trouble": {"detail": "...", "remedy": "..."} or null,
     "outcome": {...} or null}     // of what was sent last

``POST /api/v1/devices/{device}/overrides`` takes ``{"command": "charge" | "discharge" | "hold" | "self_use", "power_w": 800,
"soc_pct": 80, "minutes": 90 or "until": "...", "reason": ""}``. ``power_w`` belongs to charge and discharge and is needed there,
``soc_pct`` is where they are done (100, 5). An override ends at its end, 24 h at most, or when the charge is reached; then what was
before comes back. With ``?dry_run=true`` the answer is what would be written (a ``PlanBody``). Else it is
``{"override": {...}, "outcome": {...}}``: 200 when the device shows it, 202 while it does not yet, or waits for its turn (then
``outcome`` is null and ``trouble`` of the steering says why); problems as for commands. ``Idempotency-Key`` as there.

``DELETE /api/v1/devices/{device}/overrides/current`` ends it now and answers with the steering; ``?undo=true`` gives back the
override that it replaced, if that has not ended. ``POST /api/v1/steering/pause`` ``{"minutes": 60}`` stops everything that decides
by itself, for all units, and ``POST /api/v1/steering/resume`` lets it go on; both answer ``{"paused_until": ... or null}``.
Overrides of people and safety go on while it is paused.

Progress comes as events of ``/api/v1/events`` of the kind ``steering``::

    {"device": "cellar", "override": "7c9e..." or "", "at": "...", "owner": "user", "text": "...", "outcome": {...} or null,
     "step": "asked" | "accepted" | "confirmed" | "effective" | "failed" | "ended" | "restored" | "changed"}

``changed`` says that the steering should be asked for again.
"""
