"""Adding, quantizing and measuring models: what `./neo model` does."""
