"""The Cloud: renders, sends and tracks Mailings. A Django project of its own, reached only over HTTP (README.md)."""
