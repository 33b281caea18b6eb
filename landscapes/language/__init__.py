"""The formula language, whose door is :mod:`landscapes.formula`.

A text is parsed (``syntax``), lowered to an expression graph (``lowering``, ``expressions``),
differentiated (``derivatives``) and laid out as torch calls (``tape``); ``latex`` writes it.
"""
