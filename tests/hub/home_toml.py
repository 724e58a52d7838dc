"""Configurations from a few lines of text, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from indevolt.hub.config import Config
from indevolt.hub.config_file import load_text
from indevolt.hub.secret import Origin
from indevolt.hub.tokens import hash_token
from indevolt.tomltext import WrongToml

DEVICE = '[[devices]]\nname = "battery"\nhost = "192.168.1.50"\n'
HASH = hash_token("laptop.of-a-test")


def read(text: str, folder: Path = Path(), **variables: str) -> Config:
    return load_text(text, name="home.toml", origin=Origin(folder.absolute(), variables))


def mistakes(text: str, folder: Path = Path(), **variables: str) -> list[str]:
    with pytest.raises(WrongToml) as caught:
        read(text, folder, **variables)
    return [str(mistake) for mistake in caught.value.mistakes]
