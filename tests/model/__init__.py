"""An exhaustive model of the life of a Job and of its talk with the Cloud, explored by `python -m tests.model`.

It mirrors the product file by file: `lifecycle`, `door` (control.py), `steps`, `initializing`, `processing`,
`collecting`, `controlling`, `following` and `notices` for the dashboard; `cloud` (intake.py, reporting.py) and
`senders` (delivering.py, ledger.py) for the Cloud; `calls` for the network between. Each step of the model is one
transaction or one request of the product. What may be asked and where a Job moves is the product's own `jobs.states`.
`bundles` and `search` explore; `reductions` says what is left out and why; `invariants` says what must be true.

Left out: rates, releases of unknown recipients, suppressions and render errors (ends like any other), opens and
clicks, databases that are older than they were, and everything that only takes time. Of the files of an extraction only
those are known that a dead worker left.
"""
