"""Self-contained HTML pages and charts, for data checks and evaluations alike: plain data in, one page out."""
