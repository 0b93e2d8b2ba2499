"""Kinds of defects, one file each with a `find(tables)`; found by scanning this folder."""
