"""A cache of what an objective computes from an image alone, in memory or on disk.

May import ``objective``, ``proof``, ``recipe`` and ``files``.
"""
