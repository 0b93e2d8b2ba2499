"""Networks as graphs that ONNX Runtime computes, in 32-bit or 8-bit numbers."""
