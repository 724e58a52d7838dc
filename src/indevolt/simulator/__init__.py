"""Virtual devices without a network: they answer requests as records, and time is an argument.

A simulator shares protocol and catalogue with the client and none of its code, and it never learns about sockets: ``virtual`` puts
one on the network.
"""

from indevolt.simulator.access import DEVICE_KEY, Access, Api
from indevolt.simulator.accessory import Accessory, Sort
from indevolt.simulator.board import Board
from indevolt.simulator.device import Simulator
from indevolt.simulator.faults import FORMS as FAULT_FORMS, Faults, parse_fault
from indevolt.simulator.physics import House, Surroundings, steady_house
from indevolt.simulator.state import State

__all__ = [
    "DEVICE_KEY",
    "FAULT_FORMS",
    "Access",
    "Accessory",
    "Api",
    "Board",
    "Faults",
    "House",
    "Simulator",
    "Sort",
    "State",
    "Surroundings",
    "parse_fault",
    "steady_house",
]
