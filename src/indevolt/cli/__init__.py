"""The command line: for people, installers and scripts. One file for each group of commands.

What is true about devices is decided below; here it is asked for, shown, and turned into an exit code. ``app`` is the way in,
``ending`` the way out; ``render`` says how a value looks. Modules of commands are imported only when their command runs.
"""
