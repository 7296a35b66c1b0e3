"""Corpora: folders ``train/ valid/ test/`` of TX1 and TX2 texts."""
