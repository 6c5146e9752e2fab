"""Jobs and what belongs to them, for administrators. Django looks here for what is registered.

running       Jobs and the machinery that carries them
suppressions  who changed the suppression list
warehouses    Warehouses: entered, tried out, explained
"""

from jobs.admin import running, suppressions, warehouses

__all__ = ["running", "suppressions", "warehouses"]
