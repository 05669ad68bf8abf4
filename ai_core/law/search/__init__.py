"""Hybrid search: BM25, citation votes and a learned embedding, fused by linear weights.

A query: `hybrid.HybridSearch.articles` turns it into stems (`stems`), scores every article by each
signal (`lexical`, `citation_votes`, `semantic`), weighs the signals by the query's style
(`ranking`), and drops what is not in force that day (`article_metadata`). Whether the query is
labour law at all is decided by `scope`. Built offline: `indexing`, from `tokens`; the embedding by
`training` and `contrastive`.
"""
