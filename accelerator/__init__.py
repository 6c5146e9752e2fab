"""The project: its wiring, and what its parts share."""

import os

# numpy, which comes with Arrow, starts threads for linear algebra that nobody here asks for: they wait busily at first,
# 60 ms of CPU in each process. It looks for this when it is first imported, which nobody does before this package.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
