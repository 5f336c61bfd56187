"""Whatever a reader is given, it answers or raises our own error: never a traceback of somebody else's.

There is one target per reader. The suite tries some dozens of inputs for each; ``make fuzz`` tries thousands
(SALGAN_FUZZ=number), other ones every time.
"""
