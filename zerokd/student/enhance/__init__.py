"""``zerokd enhance``: photos, videos and arrays through a student, on the fastest engine.

It may import what ``zerokd.student`` may, but no evaluation. No module here imports torch before an engine needs it.
"""
