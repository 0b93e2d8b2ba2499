"""What can judge candidates in serving, by name; a file of its own, so that a command line may ask for it without loading tables."""

from typing import Literal

RankerName = Literal["torch", "onnx", "onnx_int8", "distilled"]
