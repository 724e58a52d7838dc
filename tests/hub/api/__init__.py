"""Tests of the API of the hub; a package, so that its fixtures and their types can be shared."""
