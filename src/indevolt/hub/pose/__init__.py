"""The hub poses as a meter that units know, so that their own loops follow any meter of the hub (control.md, section 1.1, tier 2).

That is faster than writes, wears nothing, and lets several units share one meter, each with a posed one of its own. Nothing is
written to a unit, and none of its budget of writes is spent.

::

    service ── opens a posed meter for each unit that is to have one
      ├── sender   a P1 reader of the vendor, which units hear
      ├── shown    what each unit is shown, and when nothing
      └── posing   one posed meter, and whether its unit follows it

A unit knows its meter in one of these ways, which the owner chooses:

- It asks a Shelly Pro 3EM over HTTP. Documented (control.md, section 0), and other programs that pose so are known to work with
  these units.
- It asks a Shelly Pro 3EM in datagrams. A Shelly does answer these; that a unit of this vendor asks so is documented nowhere.
- It hears frames that a P1 reader of the vendor broadcasts. That units consume these is documented, and the frame was captured; how
  a unit learns which reader is its own is not published, nor whether one minds frames that are sent to it alone (inferred: a socket
  that hears broadcasts hears those as well). Meters and plugs send frames, too, but theirs are not published.

Units also have points to write a meter's power to (``meter_power_injection``). The hub does not use them: each value would be a
write, of which one a second is the most that a unit takes, against its budget and possibly its flash; the order of the two words is
not published, and nobody has reported that it works. A frame costs the unit nothing.

Not here: a Shelly's answers (``protocol.shelly``, ``indevolt.shelly``), the frame (``protocol.push``), and what a unit should be
shown in order to give what the house needs (``control.posed``).
"""
