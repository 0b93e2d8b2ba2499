"""What the tasks share and how each takes its part.

A part is built with its settings, the width it reads, the network's width, the number of tasks, dropout and activation.
`width_of(settings, width)` tells the width of the representations that `forward` gives, `[..., tasks, width_out]` from `[..., width_in]`;
`usage()` what each task took of each expert in the last batch, `[tasks, experts]`, None where there is nothing to choose from.
"""
