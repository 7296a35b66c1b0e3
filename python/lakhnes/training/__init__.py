"""Training of language models on corpora of NES songs."""
