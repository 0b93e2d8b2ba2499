"""Fitting a text encoder to the events before the network is fitted: which weights move, by what contrast, for how long.

A kind that fits has `settings_class` (a `TuningSettings`), `wrap(network)`, which leaves a gradient to the weights that move, and
`merged(network)`, an ordinary transformers module with what was learnt in it.
"""
