"""How an item moves with who asks, and when.

A part is built with its settings, the network's width and its dropout. From the vectors S `[n, width]` of items that know nobody `index`
makes what is kept of them and searched; `gates` says once for each user in context how far things move; and then a moved item's product
with the user is one product with what is kept, which is the same for everybody:

    users · moved(index, gates) = query(users, gates) · index

Nothing may be normed after the movement, or this no longer holds.
"""
