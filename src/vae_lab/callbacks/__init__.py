"""What a run shows while it trains: one picture or display per file. None of them changes it."""
