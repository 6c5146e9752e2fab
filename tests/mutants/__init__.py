"""Mutants: bugs that other products had, sown into a copy of this one; each must be caught by a check that is named.

python -m tests.mutants [--outside] [NAME ...]
"""
