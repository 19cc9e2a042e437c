"""What to type instead of a wrong command line: each wrong word by what it means."""
