"""Who is logged in to the pages: one-time tokens for the way in, random cookies afterwards."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

LASTS = 12 * 3600.0
"""Seconds a login lasts."""
MOST = 1000
"""Logins and tokens kept; the oldest go first."""


class Visits:
    """Tokens that open the door once, and the cookies of those who came in. Kept in memory, as hashes.

    Args:
        clock: Seconds that only go up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[bytes, tuple[float, str]] = {}
        self._cookies: dict[bytes, tuple[float, str]] = {}

    def token(self) -> str:
        """A token that `enter` takes once."""
        return self._issue(self._tokens, "")

    def enter(self, token: str) -> str | None:
        """A cookie for a token's first bearer; None for anybody else."""
        found = self._find(self._tokens, token)
        if found is None:
            return None
        del self._tokens[found]
        return self.cookie("the login link")

    def cookie(self, name: str = "a key") -> str:
        """A cookie for someone who came in by what is called so."""
        return self._issue(self._cookies, name)

    def knows(self, cookie: str) -> bool:
        """Whether this is the cookie of someone logged in."""
        return self._find(self._cookies, cookie) is not None

    def visitor(self, cookie: str) -> str | None:
        """What the one who is logged in came in by; None for nobody."""
        found = self._find(self._cookies, cookie)
        return None if found is None else self._cookies[found][1]

    def leave(self, cookie: str) -> None:
        """Forgets a cookie."""
        found = self._find(self._cookies, cookie)
        if found is not None:
            del self._cookies[found]

    def _issue(self, issued: dict[bytes, tuple[float, str]], name: str) -> str:
        secret = secrets.token_urlsafe(32)
        while len(issued) >= MOST:
            del issued[next(iter(issued))]
        issued[_digest(secret)] = self._clock() + LASTS, name
        return secret

    def _find(self, issued: dict[bytes, tuple[float, str]], secret: str) -> bytes | None:
        digest = _digest(secret)
        found = [known for known in issued if hmac.compare_digest(known, digest)]
        return found[0] if found and issued[found[0]][0] > self._clock() else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf8", "surrogatepass")).digest()
