"""GGUF models through llama.cpp, with continuous batching."""
