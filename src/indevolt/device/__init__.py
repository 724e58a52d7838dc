"""One battery, from outside: recognize it, read it, set it, command it, and prove what happened.

::

    opening    connect(): the way to a device, and which family it is
    device     Device: reads, writes, commands
    reader     raw values to readings; what is not installed is no 0
    batches    raw values of points; bad points are found and quarantined
    commands   what a command needs beyond its writes
    proof      what became of a write
    route      how to open the way to a device
    password   changing the Digest password

It knows requests and replies, but no sockets (``transport``) and no point numbers (``catalogue``).
"""

from __future__ import annotations

from indevolt.device.batches import Quarantined
from indevolt.device.device import Device
from indevolt.device.opening import connect
from indevolt.device.password import set_password

__all__ = ["Device", "Quarantined", "connect", "set_password"]
