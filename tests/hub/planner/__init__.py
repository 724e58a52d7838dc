"""Tests of the planner; a package, so that tests/hub is where their common parts are found."""
