"""Items like an item, users like a user: vectors by what they are and by what was done, and the nearest of them."""
