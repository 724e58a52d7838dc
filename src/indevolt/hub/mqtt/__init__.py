"""The hub on a broker: states, availability, commands with their outcomes, and discovery for Home Assistant.

``topics`` and ``discovery`` are pure: names, payloads, and what Home Assistant is told. ``commands`` carries out what is asked for.
``service`` keeps the connection, and is all that the rest of the hub needs.
"""

from indevolt.hub.mqtt.service import serve_mqtt

__all__ = ["serve_mqtt"]
