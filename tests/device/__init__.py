"""Tests of the client library; a package, so that its conftest has a name of its own."""
