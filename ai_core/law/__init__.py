"""The law: fetched, stored, found and cited. library.py is the way in."""

import os

# numpy reads it when it loads. A question is a small product: a second thread only spins, and takes
# the core that the event loop needs (answers' p95 on two cores: 93 ms with it, 30 ms without).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
