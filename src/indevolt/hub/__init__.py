"""The hub: one polite owner of each battery's single slow connection, which remembers what it hears and serves everybody else.

``app`` is the only place that constructs things; ``config`` says what an owner may decide; a service is a coroutine function that
``app`` starts. What a device is and how it is spoken to belongs to ``device`` and ``transport``, how history is kept to ``store``.
"""
