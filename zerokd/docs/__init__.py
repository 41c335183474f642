"""The generated part of the documentation site: ``python -m zerokd.docs`` writes it, ``--check`` says what is stale."""
