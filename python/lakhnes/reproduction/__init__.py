"""The experiments of the paper (Donahue et al., "LakhNES", ISMIR 2019), run again."""
