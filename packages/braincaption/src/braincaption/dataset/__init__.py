"""A captioned OUT in, a Hugging Face dataset folder out: Parquet shards, card, Croissant metadata, citation."""
