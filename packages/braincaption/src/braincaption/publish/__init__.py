"""A dataset folder in, a repository on the Hub out: gates first, then commits in parts that survive interruptions."""
