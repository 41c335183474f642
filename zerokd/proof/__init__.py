"""What zerokd verifies before the first step: every term trains the student, no trap, no contradiction; with numbers.

It imports objective and what lies below; it knows no recipe, no run and no loop.
"""
