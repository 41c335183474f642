"""``zerokd benchmark``: students and recipes on several folders of photos, with the uncertainty of every number.

May import everything up to pages; only the command line imports it.
"""
