"""Virtual devices without a network: they answer requests as records, and time is an argument.

A simulator shares protocol and catalogue with the client and none of its code, and it never learns about sockets: ``virtual`` puts
one on the network.
"""

from indevolt.simulator.access import DEVICE_KEY, Access, Api
from indevolt.simulator.accessory import Accessory, Sort
from indevolt.simulator.board import Board
from indevolt.simulator.converter import INSTANT, LIFELIKE, Response
from indevolt.simulator.device import Simulator, form_cluster
from indevolt.simulator.faults import FORMS as FAULT_FORMS, Faults, parse_fault
from indevolt.simulator.house import House, Surroundings, steady_house
from indevolt.simulator.meter import Meter
from indevolt.simulator.site import Pace, Site
from indevolt.simulator.state import State

__all__ = [
    "DEVICE_KEY",
    "FAULT_FORMS",
    "INSTANT",
    "LIFELIKE",
    "Access",
    "Accessory",
    "Api",
    "Board",
    "Faults",
    "House",
    "Meter",
    "Pace",
    "Response",
    "Simulator",
    "Site",
    "Sort",
    "State",
    "Surroundings",
    "form_cluster",
    "parse_fault",
    "steady_house",
]
