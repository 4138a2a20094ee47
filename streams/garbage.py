"""The cycle collector of a process that handles batch after batch."""

import gc


def settle_garbage() -> None:
    """Let the cycle collector pass over what was loaded at start, and look at what is new less often.

    A batch makes some forty tracked objects a record, none of them in a cycle: at the interpreter's own thresholds a
    quarter of a worker's CPU went into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
