"""Listening studies: a plan, clips, a page for listeners, and the analysis of their answers."""
