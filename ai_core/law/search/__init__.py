"""Hybrid search: BM25, citation votes and a learned embedding, then calibrated relevance.

A question becomes a query (`query`): misspelt words repaired (`spelling`), the law's words added to
everyday ones (`everyday_words`), all in stems (`stems`). `hybrid.HybridSearch.search` scores every
article by each signal (`lexical`, `citation_votes`, `semantic`), weighed by the query's style
(`ranking`), drops what is not in force that day (`article_metadata`), and judges what is left and
the fiche sections (`candidates`) by what they hold of the question (`coverage`): `relevance`.
Everyday questions near to the question vote for their articles, in any language: `encoder`. Clauses
of an agreement: `agreement_search`. Whether the query is labour law at all is decided by
`scope`. Built offline: `indexing`, from `tokens`, without sections that repeat others
(`duplicates`); the embedding by `training` and `contrastive`.
"""
