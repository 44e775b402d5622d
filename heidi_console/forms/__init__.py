"""Forms. `base.py` has the class of all forms; `fields.py` has fields that HTML offers and WTForms lacks."""
