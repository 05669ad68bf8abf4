"""Models that are a folder: SafeTensors and ONNX, with continuous batching."""
