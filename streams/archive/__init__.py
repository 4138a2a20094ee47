"""The archive: topics as Parquet, every offset exactly once, for backtests that outlive a topic's retention."""
