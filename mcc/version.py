"""The version of mcc, as pyproject.toml has it."""

VERSION = "0.1.0"
