"""A vector's road to the network's width: what an encoder made of a text or a picture, or any other feature that is a vector.

Each kind is called with its settings, the feature's form and the network's width, and takes `[..., size]` to `[..., width]`.
"""
