"""One file per command, each with `run(terminal, **options)`."""
