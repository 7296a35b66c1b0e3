"""Language models over token ids."""
