"""Automatic differentiation: one engine and one registry of rules (see `rule.py`)."""
