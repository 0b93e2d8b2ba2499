"""Numbers from arrays, never from models: metrics, slices, intervals, and the evaluation that holds them."""
