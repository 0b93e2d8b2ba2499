"""Where things are kept: events, state (records and keys) and bundles. One Protocol per role, one file per back end."""
