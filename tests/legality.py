"""The order of events that every song keeps, checked event by event."""

from lakhnes import Vocabulary

VOCABULARY = Vocabulary.tx1()


def faults(ids, vocabulary=VOCABULARY):
    """List what is wrong with the order of a song's events."""
    found, sounding, last, after_wait, expected = [], set(), -1, True, None
    for place, token in enumerate(ids):
        symbol = vocabulary.symbol(token)
        voice, kind = symbol[:2], symbol.split("_")[1]
        if expected and (voice, kind) != (expected, "VELOCITY"):
            found.append((place, "a note without its velocity"))
        expected = None
        if voice == "WT":
            if after_wait:
                found.append((place, "wait after wait, or at the beginning"))
            last, after_wait = -1, True
            continue
        turn = 3 * ("P1", "P2", "TR", "NO").index(voice) + {"VELOCITY": 1, "TIMBRE": 2}.get(kind, 0)
        if turn <= last:
            found.append((place, "out of order"))
        if kind in ("NOTEOFF", "VELOCITY") and voice not in sounding:
            found.append((place, "of a voice that does not sound"))
        if kind == "NOTEOFF":
            sounding.discard(voice)
        elif kind == "NOTEON":
            sounding.add(voice)
            expected = voice if vocabulary.dialect == "tx2" and voice != "TR" else None
        last, after_wait = turn, False
    return found
