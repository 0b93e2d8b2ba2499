"""What items are called, beside their ids."""

import polars as pl

from penchant.models.recommender import Recommender


def titled(model: Recommender, frame: pl.DataFrame, ids: str) -> pl.DataFrame:
    """The frame with a `title` of the items in its column `ids`; as it is where the recipe names no title."""
    column = model.recipe_.data.title
    if not column:
        return frame
    titles = model.items.select(pl.col("item_id").alias(ids), pl.col(column).alias("title"))
    titles = titles.with_columns(pl.col("title").list.join(" ")) if titles.schema["title"] == pl.List else titles
    return frame.join(titles, on=ids, how="left", maintain_order="left")
