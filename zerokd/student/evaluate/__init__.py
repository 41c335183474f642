"""``zerokd evaluate``: students, their teacher and simple baselines, compared on photos.

It may import what ``zerokd.student`` may, and ``zerokd.student.enhance``.
"""
