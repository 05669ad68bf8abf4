"""GGUF models by llama.cpp, with continuous batching."""
