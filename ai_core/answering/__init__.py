"""From a request to a checked answer: prompt, generation, citations, cache, conversations."""
