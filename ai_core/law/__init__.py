"""The law corpus: import, storage, search, references.

A query: `library.Library.search` (async, its own thread) → `index.CorpusIndex.search` (references
in the question, agreement, scope) → `search/hybrid.py` (the ranking) → `corpus.Corpus` (the texts).
A new version of the law: `cli` → `ingest/update.py` → `versions.py` → `search/indexing.py`.
"""

import os

# numpy reads it when it loads. A question is a small product: a second thread only spins, and takes
# the core that the event loop needs (answers' p95 on two cores: 93 ms with it, 30 ms without).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
