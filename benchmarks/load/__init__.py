"""What benchmarks of a server under load share."""
