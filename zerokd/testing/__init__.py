"""The conformance kit: what every component promises, checked from its own declarations."""
