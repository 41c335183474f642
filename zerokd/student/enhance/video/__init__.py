"""Videos: every frame enhanced, and whatever else the file holds copied, converted, or named as lost.

Only ``formats`` can be imported without PyAV.
"""
