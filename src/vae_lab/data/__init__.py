"""The data sets: fetched and verified, read, split and handed out in batches."""
