"""Damage to files, as `make fuzz` makes it."""

NUMBERS = (0, 1, 255, 65_535, 2**31 - 1, 2**31, 2**32 - 1)


def mutated(data, draw, words, *, repeats=40):
    """Return the bytes after one to six changes, mostly few; `words` are what a reader of the format may trip over."""
    file = bytearray(data)
    for _ in range(1 + min(draw.randrange(6), draw.randrange(6))):
        at = draw.randrange(len(file) + 1)
        some = at + draw.randrange(40)
        change = draw.randrange(8)
        if change == 0:
            del file[at:]
        elif change == 1:
            del file[at:some]
        elif change == 2:
            file[at:at] = draw.choice(words)
        elif change == 3:
            word = draw.choice(words)
            file[at : at + len(word)] = word
        elif change == 4:
            file[at : at + 4] = draw.choice(NUMBERS).to_bytes(4, "little")
        elif change == 5:
            file[at:some] = file[at:some] * draw.randrange(1, repeats)
        elif at < len(file):
            file[at] = draw.randrange(256) if change == 6 else file[at] ^ 1 << draw.randrange(8)
    return bytes(file)
