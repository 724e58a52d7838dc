"""The hub with the real programs that people have behind it; `make test-integrations` prepares and runs them."""
