"""In what two items or two users may be alike, and how that is measured: the words people ask with."""

from typing import Literal

Owner = Literal["item", "user"]
Space = Literal["content", "behaviour", "joint"]
"""What they are told to be (text, pictures, attributes; a profile), what was done with them or by them, or both."""
By = Literal["cosine", "pearson"]
Friends = Literal["any", "only", "none"]
"""Whether users who are known to be related are listed like all others, alone, or not at all."""
Unknown = Literal["raise", "warn", "skip"]
