"""Tests of the command line; a package, so that its fixtures and their types can be shared."""
