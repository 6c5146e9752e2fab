"""Celery's part of what is planned: the sweep that ends the keeping of samples."""

from celery import shared_task

from campaigns import retention


@shared_task
def forget() -> None:
    """Delete the sample rows that were kept for long enough."""
    retention.sweep()
