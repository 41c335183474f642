"""The generated part of the documentation site: ``python -m tools.site`` writes it, ``--check`` says what is stale."""
