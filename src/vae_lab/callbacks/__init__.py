"""What a run shows while it trains: one picture or display a file. None of them changes it."""
