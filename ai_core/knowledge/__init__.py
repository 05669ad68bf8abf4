"""The law: fetched, stored, found and cited. law.py names its things; library.py is the way in."""
