"""All runs at a glance: compared, queried, watched; the schema of the configuration. No torch."""
