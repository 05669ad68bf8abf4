"""Recordings people send, transcribed on this machine: weights, decoding, transcription."""
