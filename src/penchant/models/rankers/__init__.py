"""What may stand for the network's ranking path when candidates are judged."""
