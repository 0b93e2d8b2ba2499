"""A server that runs for the browser."""

from dataclasses import dataclass


@dataclass
class Running:
    """Where the server listens, its first key, and its one-time login link."""

    url: str
    key: str
    login_url: str
