"""Filters of the Jobs' pages."""
