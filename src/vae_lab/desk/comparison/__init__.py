"""Two runs compared: their configurations, their numbers, their pictures."""
