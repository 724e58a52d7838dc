"""`indevolt record`: one pass over everything a device tells, into a file that `indevolt simulate --state` and tests replay.

What tells who and where the owner is, is replaced on the way into the file, so that a recording can be given away. The format of the
file belongs to ``transport``.
"""
