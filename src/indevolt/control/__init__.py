"""What the battery should do now, and why: functions over values, with time as an argument.

``situation`` is the vocabulary; a strategy narrows a range and states a preference; ``settle`` folds what all of them say.
Not here: meters, sockets, files, and writing to a device, which the hub does.
"""
