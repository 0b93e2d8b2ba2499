"""How what is known of a user, an item and a moment is put together before the experts read it.

A part is built with its settings, the number of told vectors, the number of fields, their width and the dropout. `forward(told, fields)`
takes told vectors `[..., told, width]` and fields `[..., fields, width]`, each None where `reads_told` or `reads_fields` says that it is
not read, and gives `[..., width_out]`.

*Told*: user, item, their product, what the item finds in the history, context, and counts where candidates are counted.
*Fields*: every profile, item, context, scenario and counted feature by itself, in that order.
"""
