"""How well a model predicts songs."""
