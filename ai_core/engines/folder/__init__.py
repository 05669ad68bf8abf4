"""Models that are a folder of files (SafeTensors, ONNX), with continuous batching."""
