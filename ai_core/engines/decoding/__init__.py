"""What every model runner shares: sampling, stop sequences, detokenization, templates, threads."""
