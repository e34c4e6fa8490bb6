"""Characters that tell careful servers from careless ones.

In and out: plain constants, each in the order in which it is tried.
"""

PRINTABLE = tuple(chr(code) for code in range(0x20, 0x7F))
CONTROLS = (*(chr(code) for code in range(0x20)), "\x7f")
#: Letters, digits and blanks beyond ASCII that lenient character tests let pass, and what folding or normalising turns
#: into ASCII.
BEYOND_ASCII = (
    "\u00e9",  # a letter of Latin-1
    "\u00df",  # a letter that upper-cases to two
    "\u0131",  # dotless i: upper-cases to I
    "\u017f",  # long s: folds to s
    "\u212a",  # Kelvin sign: folds to k
    "\u0416",  # Cyrillic
    "\u7528",  # CJK
    "\uff21",  # fullwidth A: normalises to A
    "\u0661",  # Arabic digit
    "\uff11",  # fullwidth digit
    "\u00b2",  # superscript: a digit to some
    "\u203f",  # connector punctuation, a word character to none but looks like _
    "\u2010",  # hyphen
    "\u00a0",  # no-break space
    "\u200b",  # zero-width space
    "\u0301",  # combining accent
    "\U0001f600",  # beyond the basic plane
    "\u0080",  # a control of Latin-1
)
