"""How the scenario changes what the network pays attention to.

A part is built with its settings, the width of the scenario's vectors and the width of the values it changes.
`forward(values, scenario)` takes values `[..., k, width]` of k candidates each in a `Scenario` `[...]` and gives as many.
"""
