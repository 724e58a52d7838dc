"""OpenData on the wire, both halves, as functions over values.

No socket, clock or log lives here, and nothing here knows what a point means. Any bytes at all give a value or a
:class:`~indevolt.errors.ProtocolError`.
"""
