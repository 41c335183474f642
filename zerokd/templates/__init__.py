"""Packages to start from: ``zerokd new``."""
