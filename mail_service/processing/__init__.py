"""The processing of a received mail: pipeline.py has its steps in order."""
