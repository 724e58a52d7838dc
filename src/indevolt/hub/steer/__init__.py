"""Steering: who decides what a battery does, and how that gets to the device, safely."""
